// Hands orders over to the courier. It works as long as nothing ever goes wrong.
//
// TODO: retry by way of retry topics, give up into the dead letter queue, and get orders back out.
// The brief is in README.md; `kafka-lab check` says how far you are.
package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"net/http"
	"os/signal"
	"syscall"

	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	stopping, unregister := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer unregister()
	s, err := readSettings()
	if err != nil {
		log.Fatal(err)
	}
	if s.mode != "work" {
		// TODO: the modes inspect and reprocess.
		log.Fatalf("MODE=%s is not there yet", s.mode)
	}
	if err := work(stopping, s); err != nil {
		log.Fatal(err)
	}
}

func work(stopping context.Context, s settings) error {
	// TODO: serve the metric on s.metricsPort.
	client, err := kgo.NewClient(append(s.connection,
		kgo.ConsumerGroup(s.groupID),
		// TODO: the retry topics, too.
		kgo.ConsumeTopics(s.orders),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
	)...)
	if err != nil {
		return err
	}
	defer client.Close()
	for {
		fetches := client.PollRecords(stopping, 10)
		if stopping.Err() != nil {
			return nil
		}
		for _, record := range fetches.Records() {
			if err := handOver(s, record); err != nil {
				// TODO: this order is lost now. Which problems pass, and which never will?
				log.Print("the courier did not take it: ", err)
			}
			if err := client.CommitRecords(context.Background(), record); err != nil {
				return err
			}
		}
	}
}

// handOver tells the courier about one order.
func handOver(s settings, record *kgo.Record) error {
	method := http.MethodPut
	if record.Value == nil {
		method = http.MethodDelete
	}
	url := fmt.Sprintf("%s/shipments/%s", s.courierURL, record.Key)
	request, err := http.NewRequest(method, url, bytes.NewReader(record.Value))
	if err != nil {
		return err
	}
	place := fmt.Sprintf("%s/%d/%d", record.Topic, record.Partition, record.Offset)
	request.Header.Set("Idempotency-Key", place)
	// TODO: how long does this wait? And is the place still the right one in a retry topic?
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		return fmt.Errorf("status %d", answer.StatusCode)
	}
	return nil
}
