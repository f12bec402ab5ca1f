// Copies records by a partitioning strategy, or works on them. It runs; it is not right yet.
//
// TODO: the four strategies, and a worker that is parallel yet in order. The brief is in README.md;
// `kafka-lab check` says how far you are.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	stopping, unregister := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer unregister()

	settings, err := readSettings()
	if err != nil {
		log.Fatal(err)
	}
	client, err := kgo.NewClient(append(settings.connection,
		kgo.ConsumerGroup(settings.groupID),
		kgo.ConsumeTopics(settings.inputTopic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		// TODO: when may an offset be committed? By default a timer does it.
		// TODO: what is to happen when partitions are taken away? See kgo.OnPartitionsRevoked.
		// TODO: the partition, by settings.strategy; see kgo.RecordPartitioner. What this client
		// does by itself is right for one kind of key in one of the strategies.
		// TODO: settings.linger; and how long may this client believe in a number of partitions?
		kgo.WithLogger(kgo.BasicLogger(os.Stderr, kgo.LogLevelWarn, nil)),
	)...)
	if err != nil {
		log.Fatal(err)
	}
	for stopping.Err() == nil {
		fetches := client.PollFetches(stopping)
		fetches.EachRecord(func(record *kgo.Record) {
			if err := handle(settings, client, record); err != nil {
				log.Fatal("leaving: ", err)
			}
		})
	}
	client.Close()
}

func handle(s settings, client *kgo.Client, record *kgo.Record) error {
	if s.mode == "work" {
		var work struct {
			Milliseconds int64 `json:"work_ms"`
		}
		if err := json.Unmarshal(record.Value, &work); err != nil {
			return err
		}
		// TODO: one record after another is too slow.
		time.Sleep(time.Duration(work.Milliseconds) * time.Millisecond)
	}
	copied := &kgo.Record{Topic: s.outputTopic, Key: record.Key, Value: record.Value}
	client.Produce(context.Background(), copied, func(_ *kgo.Record, err error) {
		if err != nil {
			log.Fatal("leaving: ", err)
		}
	})
	return nil
}
