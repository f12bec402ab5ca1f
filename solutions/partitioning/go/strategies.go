package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// A strategy is the partition of a record with this key (nil: none), when the topic has so many.
type strategy func(key []byte, count int) int

func chosen(s settings) (strategy, error) {
	if s.mode == "work" {
		return hash, nil
	}
	switch s.strategy {
	case "hash":
		return hash, nil
	case "tenant":
		return tenant(strings.Split(s.reservedTenants, ",")), nil
	case "round-robin":
		return roundRobin(), nil
	case "sticky":
		return sticky(s.linger), nil
	}
	return nil, fmt.Errorf("STRATEGY is %q; known: hash, tenant, round-robin, sticky", s.strategy)
}

// hash is what the Java client does with keys; records without a key go anywhere.
func hash(key []byte, count int) int {
	if key == nil { // an empty key is a key
		return rand.IntN(count)
	}
	// The sign bit is cleared, which is not the same as the absolute value.
	return int(murmur2(key)&0x7fffffff) % count
}

// tenant gives the named ones partitions 0, 1, … alone; all others share the rest.
func tenant(names []string) strategy {
	reserved := make(map[string]int)
	for number, name := range names {
		reserved[name] = number
	}
	return func(key []byte, count int) int {
		if key != nil {
			own, _, _ := bytes.Cut(key, []byte(":"))
			if number, found := reserved[string(own)]; found {
				return number
			}
		}
		return len(names) + hash(key, count-len(names))
	}
}

// roundRobin is one after another, whatever the key.
func roundRobin() strategy {
	turn := -1
	return func(_ []byte, count int) int {
		turn++
		return turn % count
	}
}

// sticky keeps the partition for all that will be in one batch; the next batch goes elsewhere.
func sticky(linger time.Duration) strategy {
	current := -1
	var until time.Time
	return func(_ []byte, count int) int {
		if now := time.Now(); !now.Before(until) { // the client has sent that batch by now
			current = (current + 1) % count
			until = now.Add(linger)
		}
		return current
	}
}

// murmur2 is Kafka's default hash for keys, as the Java client computes it.
func murmur2(key []byte) uint32 {
	const m = 0x5bd1e995
	h := 0x9747b28c ^ uint32(len(key))
	for ; len(key) >= 4; key = key[4:] {
		k := binary.LittleEndian.Uint32(key) * m
		h = h*m ^ (k^k>>24)*m
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
