// Copies records by a chosen partitioning strategy, or works on them in parallel yet in order.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const stopWithin = 9 * time.Second // of the ten that the brief gives

func main() {
	log.SetFlags(log.Ltime | log.Lmicroseconds)
	stopping, unregister := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer unregister()
	context.AfterFunc(stopping, func() {
		time.AfterFunc(stopWithin, func() { log.Fatal("leaving: the cluster does not answer") })
	})
	s, err := readSettings()
	if err == nil && s.mode == "work" {
		err = work(stopping, s)
	} else if err == nil {
		err = produce(stopping, s)
	}
	if err != nil {
		log.Fatal("leaving: ", err)
	}
}

// options are what both modes need of the client. It is idempotent by default: a write that is tried
// again is neither doubled nor overtaken by the next.
func options(s settings, partitioner kgo.Partitioner) []kgo.Opt {
	return append(s.connection,
		kgo.ConsumerGroup(s.groupID),
		kgo.ConsumeTopics(s.inputTopic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		kgo.DefaultProduceTopic(s.outputTopic),
		kgo.RecordPartitioner(partitioner),
		kgo.ProducerLinger(s.linger),
		// The number of partitions is asked again so often; the default is five minutes.
		kgo.MetadataMaxAge(2*time.Second),
		kgo.MetadataMinAge(500*time.Millisecond),
		kgo.FetchMaxWait(500*time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 100 * time.Millisecond }),
		kgo.WithLogger(kgo.BasicLogger(os.Stderr, kgo.LogLevelWarn, nil)),
	)
}

func produce(stopping context.Context, s settings) error {
	partitioner, err := strategy(s)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(options(s, partitioner)...)
	if err != nil {
		return err
	}
	defer client.Close()
	failed := make(chan error, 1)
	for {
		fetches := client.PollFetches(stopping)
		select {
		case err := <-failed:
			return err
		default:
		}
		if stopping.Err() != nil {
			return client.Flush(context.Background())
		}
		fetches.EachRecord(func(r *kgo.Record) {
			copied := &kgo.Record{Key: r.Key, Value: r.Value}
			client.Produce(context.Background(), copied, func(_ *kgo.Record, err error) {
				if err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			})
		})
	}
}
