package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// partitioner is a kgo.Partitioner made of one function. The client calls it for each record with
// the topic's number of partitions, which it keeps up to date itself.
type partitioner func(r *kgo.Record, n int) int

func (p partitioner) ForTopic(string) kgo.TopicPartitioner { return topicPartitioner{p} }

type topicPartitioner struct{ choose partitioner }

// RequiresConsistency says that the partition is chosen among all of them, also those that have no
// leader at the moment: with fewer, a key would go elsewhere.
func (topicPartitioner) RequiresConsistency(*kgo.Record) bool { return true }

func (t topicPartitioner) Partition(r *kgo.Record, n int) int { return t.choose(r, n) }

func strategy(s settings) (kgo.Partitioner, error) {
	switch s.strategy {
	case "hash":
		return partitioner(byHash), nil
	case "tenant":
		return byTenant(strings.Split(s.reservedTenants, ",")), nil
	case "round-robin":
		return roundRobin(), nil
	case "sticky":
		return sticky(s.linger), nil
	}
	return nil, fmt.Errorf("there is no strategy %q", s.strategy)
}

// byHash is what Java's client does with a key. Without one, any partition; an empty key is a key.
func byHash(r *kgo.Record, n int) int {
	if r.Key == nil {
		return rand.IntN(n)
	}
	return int(murmur2(r.Key)&0x7fffffff) % n
}

// byTenant keeps partitions 0, 1, … for the named tenants; all others share the rest.
func byTenant(names []string) partitioner {
	return func(r *kgo.Record, n int) int {
		if r.Key != nil {
			tenant, _, _ := bytes.Cut(r.Key, []byte(":"))
			for i, name := range names {
				if string(tenant) == name {
					return i
				}
			}
		}
		return len(names) + byHash(r, n-len(names))
	}
}

// roundRobin takes one after another, whatever the key.
func roundRobin() partitioner {
	turn := -1
	return func(_ *kgo.Record, n int) int {
		turn = (turn + 1) % n
		return turn
	}
}

// sticky keeps the partition for all that will be in one batch; the next batch goes elsewhere.
func sticky(linger time.Duration) partitioner {
	current, until := -1, time.Time{}
	return func(_ *kgo.Record, n int) int {
		if now := time.Now(); !now.Before(until) { // the client has sent that batch by now
			current, until = (current+1)%n, now.Add(linger)
		}
		return current
	}
}

// murmur2 is Kafka's default hash for keys, as Java's client computes it (Utils.murmur2).
func murmur2(key []byte) uint32 {
	const m = 0x5bd1e995
	h := uint32(0x9747b28c) ^ uint32(len(key))
	for ; len(key) >= 4; key = key[4:] {
		k := binary.LittleEndian.Uint32(key) * m
		k = (k ^ k>>24) * m
		h = h*m ^ k
	}
	if len(key) > 0 {
		for i, b := range key {
			h ^= uint32(b) << (8 * i)
		}
		h *= m
	}
	h = (h ^ h>>13) * m
	return h ^ h>>15
}
