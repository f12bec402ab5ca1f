// Copies records by a chosen partitioning strategy, or works on them in parallel and yet in order.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	mostWaiting = 500             // records in memory; above it fetching is paused
	stopWithin  = 9 * time.Second // of the ten that the brief gives
)

func main() {
	log.SetFlags(log.Ltime | log.Lmicroseconds)
	stopping, unregister := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer unregister()
	context.AfterFunc(stopping, func() {
		time.AfterFunc(stopWithin, func() { log.Fatal("leaving: the cluster does not answer") })
	})

	p, err := newProgram()
	if err != nil {
		log.Fatal("leaving: ", err)
	}
	if err := p.run(stopping); err != nil {
		log.Fatal("leaving: ", err)
	}
	p.client.CloseAllowingRebalance()
}

type program struct {
	settings
	client *kgo.Client
	lines  *lines
	failed chan error // a record that could not be written

	lock  sync.Mutex
	owned map[int32]*ownedPartition

	committing sync.Mutex // an older offset must not be committed behind a newer one
}

func newProgram() (*program, error) {
	settings, err := readSettings()
	if err != nil {
		return nil, err
	}
	choose, err := chosen(settings)
	if err != nil {
		return nil, err
	}
	p := &program{
		settings: settings,
		failed:   make(chan error, 1),
		owned:    make(map[int32]*ownedPartition),
	}
	p.lines = newLines(p.handle)
	p.client, err = kgo.NewClient(append(settings.connection,
		kgo.ConsumerGroup(settings.groupID),
		kgo.ConsumeTopics(settings.inputTopic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		// No rebalance while polled records are not yet noted down: see AllowRebalance.
		kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsAssigned(p.assigned),
		kgo.OnPartitionsRevoked(p.revoked),
		kgo.OnPartitionsLost(p.lost),
		// Writes are idempotent by default: none is doubled or overtaken when it is tried again.
		kgo.ProducerLinger(settings.linger),
		// It is asked once for each record, with the number of partitions that the client knows.
		kgo.RecordPartitioner(kgo.BasicConsistentPartitioner(func(string) func(*kgo.Record, int) int {
			return func(record *kgo.Record, count int) int { return choose(record.Key, count) }
		})),
		// The client asks again for that number; by default after five minutes.
		kgo.MetadataMinAge(500*time.Millisecond),
		kgo.MetadataMaxAge(2*time.Second),
		kgo.RetryBackoffFn(func(int) time.Duration { return 100 * time.Millisecond }),
		kgo.WithLogger(kgo.BasicLogger(os.Stderr, kgo.LogLevelWarn, nil)),
	)...)
	return p, err
}

func (p *program) run(stopping context.Context) error {
	paused := false
	commit := time.NewTicker(200 * time.Millisecond)
	for {
		soon, cancel := context.WithTimeout(stopping, 100*time.Millisecond)
		fetches := p.client.PollRecords(soon, 100)
		cancel()
		fetches.EachRecord(p.take)
		p.client.AllowRebalance()
		if stopping.Err() != nil {
			p.giveUp(p.all())
			return nil
		}
		if backlog := p.lines.size(); paused != (backlog > mostWaiting) {
			paused = !paused
			if paused {
				p.client.PauseFetchTopics(p.inputTopic)
			} else {
				p.client.ResumeFetchTopics(p.inputTopic)
			}
		}
		select {
		case err := <-p.failed:
			return err
		case <-commit.C:
			p.commit(p.all())
		default:
		}
	}
}

func (p *program) take(record *kgo.Record) {
	p.lock.Lock()
	partition := p.owned[record.Partition]
	p.lock.Unlock()
	partition.take(record.Offset)
	if p.mode == "work" {
		p.lines.add(partition, record)
	} else {
		p.write(partition, record)
	}
}

// handle is called side by side for different keys.
func (p *program) handle(partition *ownedPartition, record *kgo.Record) {
	var work struct {
		Milliseconds int64 `json:"work_ms"`
	}
	if err := json.Unmarshal(record.Value, &work); err != nil {
		p.fail(fmt.Errorf("%d/%d: %w", record.Partition, record.Offset, err))
		return
	}
	time.Sleep(time.Duration(work.Milliseconds) * time.Millisecond) // stands for the work
	p.write(partition, record)
}

func (p *program) write(partition *ownedPartition, record *kgo.Record) {
	copied := &kgo.Record{Topic: p.outputTopic, Key: record.Key, Value: record.Value}
	p.client.Produce(context.Background(), copied, func(_ *kgo.Record, err error) {
		if err != nil {
			p.fail(err)
			return
		}
		// Finished is what the cluster has acknowledged, not what the client was given.
		partition.finish(record.Offset)
	})
}

func (p *program) fail(err error) {
	select {
	case p.failed <- err:
	default: // the first one is enough
	}
}

// -- partitions come and go -----------------------------------------------------------------------

func (p *program) assigned(_ context.Context, _ *kgo.Client, places map[string][]int32) {
	p.lock.Lock()
	defer p.lock.Unlock()
	for _, number := range places[p.inputTopic] {
		p.owned[number] = newOwnedPartition()
	}
}

// revoked: until it returns nobody else gets them; the last chance to finish and to commit.
func (p *program) revoked(_ context.Context, _ *kgo.Client, places map[string][]int32) {
	p.giveUp(p.these(places[p.inputTopic]))
	p.forget(places[p.inputTopic])
}

// lost: somebody else has them already, so nothing may be committed any more.
func (p *program) lost(_ context.Context, _ *kgo.Client, places map[string][]int32) {
	for _, partition := range p.these(places[p.inputTopic]) {
		partition.giveUp()
	}
	p.forget(places[p.inputTopic])
}

func (p *program) giveUp(partitions map[int32]*ownedPartition) {
	waiting := make([]*ownedPartition, 0, len(partitions))
	for _, partition := range partitions {
		waiting = append(waiting, partition)
	}
	giveUp(waiting, 5*time.Second)
	soon, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := p.client.Flush(soon); err != nil {
		log.Print("not everything is written: ", err)
	}
	p.commit(partitions)
}

func (p *program) commit(partitions map[int32]*ownedPartition) {
	p.committing.Lock()
	defer p.committing.Unlock()
	offsets := make(map[int32]kgo.EpochOffset)
	for number, partition := range partitions {
		if offset, isNew := partition.committable(); isNew {
			offsets[number] = kgo.EpochOffset{Epoch: -1, Offset: offset}
		}
	}
	if len(offsets) == 0 {
		return
	}
	done := func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, answer *kmsg.OffsetCommitResponse, err error) {
		if err != nil {
			log.Print("not committed: ", err)
			return
		}
		for _, topic := range answer.Topics {
			for _, place := range topic.Partitions {
				if err := kerr.ErrorForCode(place.ErrorCode); err != nil {
					log.Print("not committed: ", err) // it is tried again with the next one
					continue
				}
				partitions[place.Partition].setCommitted(offsets[place.Partition].Offset)
			}
		}
	}
	p.client.CommitOffsetsSync(context.Background(),
		map[string]map[int32]kgo.EpochOffset{p.inputTopic: offsets}, done)
}

func (p *program) all() map[int32]*ownedPartition {
	p.lock.Lock()
	defer p.lock.Unlock()
	found := make(map[int32]*ownedPartition, len(p.owned))
	for number, partition := range p.owned {
		found[number] = partition
	}
	return found
}

func (p *program) these(numbers []int32) map[int32]*ownedPartition {
	all := p.all()
	found := make(map[int32]*ownedPartition, len(numbers))
	for _, number := range numbers {
		if partition, mine := all[number]; mine {
			found[number] = partition
		}
	}
	return found
}

func (p *program) forget(numbers []int32) {
	p.lock.Lock()
	defer p.lock.Unlock()
	for _, number := range numbers {
		delete(p.owned, number)
	}
}
