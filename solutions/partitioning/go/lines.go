package main

import (
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// An ownedPartition is one that this instance owns: what of it was taken, and what is finished.
type ownedPartition struct {
	lock      sync.Mutex
	open      []int64        // offsets taken, from the first one that is not finished
	done      map[int64]bool // those of them that are finished
	next      int64          // behind the last one taken
	committed int64
	givenUp   bool           // begin nothing new of it
	inHand    sync.WaitGroup // records that are being handled
}

func newOwnedPartition() *ownedPartition {
	return &ownedPartition{done: make(map[int64]bool), next: -1, committed: -1}
}

func (p *ownedPartition) take(offset int64) {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.open = append(p.open, offset)
	p.next = offset + 1
}

func (p *ownedPartition) finish(offset int64) {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.done[offset] = true
	for len(p.open) > 0 && p.done[p.open[0]] {
		delete(p.done, p.open[0])
		p.open = p.open[1:]
	}
}

// begin says whether a record may still be begun; if so, inHand counts it.
func (p *ownedPartition) begin() bool {
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.givenUp {
		return false
	}
	p.inHand.Add(1)
	return true
}

func (p *ownedPartition) giveUp() {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.givenUp = true
}

// committable is an offset before which everything is finished, and whether it is a new one.
func (p *ownedPartition) committable() (int64, bool) {
	p.lock.Lock()
	defer p.lock.Unlock()
	offset := p.next
	if len(p.open) > 0 {
		offset = p.open[0]
	}
	return offset, offset > p.committed
}

func (p *ownedPartition) setCommitted(offset int64) {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.committed = offset
}

// lines handles the records of many keys side by side, and those of one key one after another:
// a goroutine for each key that has something in line.
type lines struct {
	handle  func(*ownedPartition, *kgo.Record)
	lock    sync.Mutex
	waiting map[string][]job
	backlog int
}

type job struct {
	partition *ownedPartition
	record    *kgo.Record
}

func newLines(handle func(*ownedPartition, *kgo.Record)) *lines {
	return &lines{handle: handle, waiting: make(map[string][]job)}
}

func (l *lines) add(partition *ownedPartition, record *kgo.Record) {
	l.lock.Lock()
	defer l.lock.Unlock()
	key := string(record.Key)
	l.waiting[key] = append(l.waiting[key], job{partition, record})
	l.backlog++
	if len(l.waiting[key]) == 1 {
		go l.serve(key)
	}
}

func (l *lines) size() int {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.backlog
}

func (l *lines) serve(key string) {
	for {
		l.lock.Lock()
		next := l.waiting[key][0] // it stays at the head while it is in hand
		l.lock.Unlock()
		if next.partition.begin() {
			l.handle(next.partition, next.record)
			next.partition.inHand.Done()
		}
		l.lock.Lock()
		l.backlog--
		l.waiting[key] = l.waiting[key][1:]
		empty := len(l.waiting[key]) == 0
		if empty {
			delete(l.waiting, key)
		}
		l.lock.Unlock()
		if empty {
			return
		}
	}
}

// giveUp begins nothing new of these partitions, and waits for what is in hand.
func giveUp(partitions []*ownedPartition, atMost time.Duration) {
	for _, partition := range partitions {
		partition.giveUp()
	}
	handled := make(chan struct{})
	go func() {
		for _, partition := range partitions {
			partition.inHand.Wait()
		}
		close(handled)
	}()
	select {
	case <-handled:
	case <-time.After(atMost):
	}
}
