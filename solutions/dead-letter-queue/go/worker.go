package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

type place struct {
	topic     string
	partition int32
}

// worker hands orders over, retries by way of the retry topics, and gives up into the queue.
type worker struct {
	settings
	courier     *courier
	client      *kgo.Client
	deadLetters atomic.Int64

	// Partitions that are paused, each with the record that is not due yet. Callbacks of the group
	// look at it too.
	mutex  sync.Mutex
	parked map[place]*kgo.Record
}

func newWorker(s settings) (*worker, error) {
	w := &worker{settings: s, courier: newCourier(s.courierURL, s.courierTimeout),
		parked: map[place]*kgo.Record{}}
	forget := func(_ context.Context, _ *kgo.Client, lost map[string][]int32) { w.forget(lost) }
	client, err := kgo.NewClient(append(s.connection,
		kgo.ConsumerGroup(s.groupID),
		kgo.ConsumeTopics(s.orders, s.retry1, s.retry2),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		// Committed by hand, behind what was really done.
		kgo.DisableAutoCommit(),
		// Partitions change hands between two orders, not while one is handled.
		kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsRevoked(forget),
		kgo.OnPartitionsLost(forget),
		kgo.FetchMaxWait(500*time.Millisecond),
		kgo.ProducerLinger(0),
		kgo.WithLogger(kgo.BasicLogger(os.Stderr, kgo.LogLevelWarn, nil)),
	)...)
	w.client = client
	return w, err
}

// work goes on until it is told to stop (nil), or until something cannot be written.
func (w *worker) work(stopping context.Context) error {
	go w.serveMetrics()
	for stopping.Err() == nil {
		turn, cancel := context.WithTimeout(stopping, 100*time.Millisecond)
		fetches := w.client.PollRecords(turn, 1)
		cancel()
		for _, failed := range fetches.Errors() {
			if !errors.Is(failed.Err, context.DeadlineExceeded) && !errors.Is(failed.Err, context.Canceled) {
				log.Print("reading: ", failed.Err) // the client goes on trying
			}
		}
		for _, record := range fetches.Records() {
			if journeyOf(record).due.After(time.Now()) {
				w.park(record)
			} else if err := w.handle(record); err != nil {
				return err
			}
		}
		for _, record := range w.due() {
			if err := w.handle(record); err != nil {
				return err
			}
		}
		w.client.AllowRebalance()
	}
	return nil
}

// -- waiting without standing still

// park keeps a record until it is due, and lets nothing more come from its partition. Records of
// one retry topic have the same delay, so those behind are due later. The loop goes on polling.
func (w *worker) park(record *kgo.Record) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.client.PauseFetchPartitions(map[string][]int32{record.Topic: {record.Partition}})
	w.parked[place{record.Topic, record.Partition}] = record
}

// due takes out the parked records whose time has come; their partitions go on.
func (w *worker) due() []*kgo.Record {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	var found []*kgo.Record
	for where, record := range w.parked {
		if !journeyOf(record).due.After(time.Now()) {
			delete(w.parked, where)
			w.client.ResumeFetchPartitions(map[string][]int32{where.topic: {where.partition}})
			found = append(found, record)
		}
	}
	return found
}

// forget: what is no longer ours waits with whoever has it now, and is read there again.
func (w *worker) forget(lost map[string][]int32) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for topic, partitions := range lost {
		for _, partition := range partitions {
			delete(w.parked, place{topic, partition})
		}
	}
	w.client.ResumeFetchPartitions(lost)
}

// -- one order

// handle returns when the order is with the courier, or its next place has acknowledged it, and
// that is committed.
func (w *worker) handle(record *kgo.Record) error {
	travelled := journeyOf(record)
	if failed := w.courier.handOver(record.Key, record.Value, travelled.origin()); failed != nil {
		if failed.name != "no-key" {
			travelled.attempts++
		}
		if err := w.setAside(record, travelled, failed); err != nil {
			return err
		}
	}
	if err := w.client.CommitRecords(context.Background(), record); err != nil {
		// Somebody else has the partition now and will do it again: at least once.
		log.Print("not committed: ", err)
	}
	return nil
}

func (w *worker) setAside(record *kgo.Record, travelled journey, failed *failure) error {
	retries := []string{w.retry1, w.retry2}
	if failed.permanent || travelled.attempts > len(retries) {
		log.Printf("%s: dead, %s", travelled.origin(), failed.name)
		letter := again(record, w.settings.deadLetters, travelled.deadHeaders(failed.name))
		if err := w.write(letter); err != nil {
			return err
		}
		w.deadLetters.Add(1)
		return nil
	}
	number := travelled.attempts - 1
	due := time.Now().Add(w.delays[number])
	return w.write(again(record, retries[number], travelled.retryHeaders(due)))
}

// write returns when the cluster has acknowledged the record.
func (w *worker) write(record *kgo.Record) error {
	return w.client.ProduceSync(context.Background(), record).FirstErr()
}

// serveMetrics exports the counter from the start, at 0: one that is born with the first dead
// letter has not grown when Prometheus sees it first.
func (w *worker) serveMetrics() {
	http.HandleFunc("/metrics", func(answer http.ResponseWriter, _ *http.Request) {
		answer.Header().Set("Content-Type", "text/plain; version=0.0.4")
		fmt.Fprintf(answer, "# TYPE dead_letters_total counter\ndead_letters_total %d\n", w.deadLetters.Load())
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+w.metricsPort, nil))
}
