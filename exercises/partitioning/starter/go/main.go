// Copies records by a partitioning strategy, or works on them. It runs; it is not right yet.
//
// TODO: the four strategies, and a worker that is parallel yet in order.
// The brief is in README.md; `kafka-lab check` says how far you are.
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
	s, err := readSettings()
	if err != nil {
		log.Fatal(err)
	}
	// TODO: when may an offset be committed? What is to happen when partitions are taken away?
	// TODO: the partition, by s.strategy; and s.linger.
	client, err := kgo.NewClient(append(s.connection,
		kgo.ConsumerGroup(s.groupID),
		kgo.ConsumeTopics(s.inputTopic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DefaultProduceTopic(s.outputTopic),
	)...)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	for {
		fetches := client.PollFetches(stopping)
		if stopping.Err() != nil {
			break
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if s.mode == "work" {
				var job struct {
					WorkMs int64 `json:"work_ms"`
				}
				if err := json.Unmarshal(r.Value, &job); err != nil {
					log.Print("no job: ", err)
					return
				}
				// TODO: one record after another is too slow.
				time.Sleep(time.Duration(job.WorkMs) * time.Millisecond)
			}
			client.Produce(context.Background(), &kgo.Record{Key: r.Key, Value: r.Value}, nil)
		})
	}
	if err := client.Flush(context.Background()); err != nil {
		log.Print(err)
	}
}
