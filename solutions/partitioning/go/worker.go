package main

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	commitEvery = 200 * time.Millisecond
	mostWaiting = 500 // records in memory; above it nothing more is polled
)

// partition is one that this instance owns: what of it was taken and what is finished.
type partition struct {
	unfinished map[int64]bool
	next       int64
	committed  int64
	revoked    bool
	inHand     sync.WaitGroup
}

// committable is the offset before which everything is finished.
func (p *partition) committable() int64 {
	lowest := p.next
	for offset := range p.unfinished {
		lowest = min(lowest, offset)
	}
	return lowest
}

// worker handles keys side by side, each key's records one after another.
type worker struct {
	client   *kgo.Client
	settings settings

	lock       sync.Mutex
	partitions map[int32]*partition
	lines      map[string][]*kgo.Record // what waits for each key; a key in the map has a goroutine
	waiting    int
	room       *sync.Cond
	failed     error
}

func work(stopping context.Context, s settings) error {
	w := &worker{settings: s, partitions: map[int32]*partition{}, lines: map[string][]*kgo.Record{}}
	w.room = sync.NewCond(&w.lock)
	client, err := kgo.NewClient(append(options(s, partitioner(byHash)),
		// Between a poll and AllowRebalance nothing is taken away.
		kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsRevoked(func(ctx context.Context, _ *kgo.Client, gone map[string][]int32) {
			w.giveUp(ctx, gone[s.inputTopic])
		}),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, gone map[string][]int32) {
			w.lose(gone[s.inputTopic])
		}),
	)...)
	if err != nil {
		return err
	}
	w.client = client
	defer client.Close()

	ticker := time.NewTicker(commitEvery)
	defer ticker.Stop()
	for stopping.Err() == nil {
		polling, done := context.WithTimeout(stopping, commitEvery)
		fetches := client.PollRecords(polling, 100)
		done()
		fetches.EachRecord(w.take)
		if err := w.check(); err != nil {
			return err
		}
		select {
		case <-ticker.C:
			// An error here is no reason to end: the next one commits as much and more.
			_ = w.commit(stopping, w.all())
		default:
		}
		client.AllowRebalance()
		w.waitForRoom(stopping)
	}
	w.giveUp(context.Background(), w.all())
	return w.check()
}

func (w *worker) take(r *kgo.Record) {
	w.lock.Lock()
	defer w.lock.Unlock()
	p := w.partitions[r.Partition]
	if p == nil {
		p = &partition{unfinished: map[int64]bool{}, committed: -1}
		w.partitions[r.Partition] = p
	}
	p.unfinished[r.Offset] = true
	p.next = r.Offset + 1
	w.waiting++
	key := string(r.Key)
	line, busy := w.lines[key]
	w.lines[key] = append(line, r)
	if !busy {
		go w.serve(key)
	}
}

// serve handles what waits for one key, until there is nothing more.
func (w *worker) serve(key string) {
	for {
		w.lock.Lock()
		line := w.lines[key]
		if len(line) == 0 {
			delete(w.lines, key)
			w.lock.Unlock()
			return
		}
		r, p := line[0], w.partitions[line[0].Partition]
		w.lines[key] = line[1:]
		w.waiting--
		w.room.Signal()
		// A record of an owner that we no longer are was read before the revoke.
		wanted := p != nil && !p.revoked && p.unfinished[r.Offset]
		if wanted {
			p.inHand.Add(1)
		}
		w.lock.Unlock()
		if wanted {
			w.handle(p, r)
		}
	}
}

// handle returns when the result has been handed to the client, which keeps the order.
func (w *worker) handle(p *partition, r *kgo.Record) {
	defer p.inHand.Done()
	var job struct {
		WorkMs int64 `json:"work_ms"`
	}
	if err := json.Unmarshal(r.Value, &job); err != nil {
		w.fail(err)
		return
	}
	time.Sleep(time.Duration(job.WorkMs) * time.Millisecond) // stands for the work
	result := &kgo.Record{Key: r.Key, Value: r.Value}
	w.client.Produce(context.Background(), result, func(_ *kgo.Record, err error) {
		if err != nil {
			w.fail(err)
			return
		}
		// Finished is what the cluster has acknowledged, not what was handed to a client.
		w.lock.Lock()
		delete(p.unfinished, r.Offset)
		w.lock.Unlock()
	})
}

// giveUp is the last chance to finish and commit: until it returns nobody else gets the partitions.
func (w *worker) giveUp(ctx context.Context, numbers []int32) {
	for _, p := range w.revoke(numbers) {
		p.inHand.Wait()
	}
	if err := w.client.Flush(ctx); err != nil {
		w.fail(err)
	}
	if err := w.commit(ctx, numbers); err != nil && !errors.Is(err, context.Canceled) {
		w.fail(err)
	}
	w.forget(numbers)
}

// lose is for partitions that somebody else already has: nothing may be committed any more.
func (w *worker) lose(numbers []int32) {
	w.revoke(numbers)
	w.forget(numbers)
}

func (w *worker) revoke(numbers []int32) (found []*partition) {
	w.lock.Lock()
	defer w.lock.Unlock()
	for _, number := range numbers {
		if p := w.partitions[number]; p != nil {
			p.revoked = true
			found = append(found, p)
		}
	}
	return found
}

func (w *worker) forget(numbers []int32) {
	w.lock.Lock()
	defer w.lock.Unlock()
	for _, number := range numbers {
		delete(w.partitions, number)
	}
	// What waits of them must not be taken for records of a later assignment.
	for key, line := range w.lines {
		kept := line[:0]
		for _, r := range line {
			if w.partitions[r.Partition] != nil {
				kept = append(kept, r)
			}
		}
		w.waiting -= len(line) - len(kept)
		w.lines[key] = kept
	}
	w.room.Signal()
}

func (w *worker) commit(ctx context.Context, numbers []int32) error {
	offsets := map[int32]kgo.EpochOffset{}
	w.lock.Lock()
	for _, number := range numbers {
		p := w.partitions[number]
		if p == nil {
			continue
		}
		if offset := p.committable(); offset > p.committed {
			offsets[number] = kgo.EpochOffset{Epoch: -1, Offset: offset}
		}
	}
	w.lock.Unlock()
	if len(offsets) == 0 {
		return nil
	}
	var problem error
	w.client.CommitOffsetsSync(ctx, map[string]map[int32]kgo.EpochOffset{w.settings.inputTopic: offsets},
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, _ *kmsg.OffsetCommitResponse, err error) {
			problem = err
		})
	if problem == nil {
		w.lock.Lock()
		for number, offset := range offsets {
			if p := w.partitions[number]; p != nil {
				p.committed = offset.Offset
			}
		}
		w.lock.Unlock()
	}
	return problem
}

func (w *worker) all() (numbers []int32) {
	w.lock.Lock()
	defer w.lock.Unlock()
	for number := range w.partitions {
		numbers = append(numbers, number)
	}
	return numbers
}

func (w *worker) waitForRoom(stopping context.Context) {
	stop := context.AfterFunc(stopping, w.room.Broadcast)
	defer stop()
	w.lock.Lock()
	defer w.lock.Unlock()
	for w.waiting > mostWaiting && stopping.Err() == nil {
		w.room.Wait()
	}
}

func (w *worker) fail(err error) {
	w.lock.Lock()
	defer w.lock.Unlock()
	if w.failed == nil {
		w.failed = err
	}
}

func (w *worker) check() error {
	w.lock.Lock()
	defer w.lock.Unlock()
	return w.failed
}
