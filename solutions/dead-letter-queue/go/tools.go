package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// readAll brings every record that is there now. No group is joined and nothing is committed.
func readAll(ctx context.Context, s settings, topic string) ([]*kgo.Record, error) {
	client, err := kgo.NewClient(append(s.connection,
		kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		// The last offset may be that of a transaction's marker.
		kgo.KeepControlRecords(),
	)...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	left, err := ends(ctx, client, topic)
	if err != nil {
		return nil, err
	}
	var found []*kgo.Record
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, err
		}
		fetches.EachRecord(func(record *kgo.Record) {
			if record.Offset+1 >= left[record.Partition] {
				delete(left, record.Partition)
			}
			if !record.Attrs.IsControl() {
				found = append(found, record)
			}
		})
	}
	return found, nil
}

// ends are the partitions that hold something, and where each ends now.
func ends(ctx context.Context, client *kgo.Client, topic string) (map[int32]int64, error) {
	about := kmsg.NewPtrMetadataRequest()
	asked := kmsg.NewMetadataRequestTopic()
	asked.Topic = kmsg.StringPtr(topic)
	about.Topics = append(about.Topics, asked)
	metadata, err := about.RequestWith(ctx, client)
	if err != nil {
		return nil, err
	}
	found := map[int32]int64{}
	for _, timestamp := range []int64{-1, -2} { // the end, the beginning
		request := kmsg.NewPtrListOffsetsRequest()
		request.ReplicaID = -1
		request.IsolationLevel = 1
		wanted := kmsg.NewListOffsetsRequestTopic()
		wanted.Topic = topic
		for _, p := range metadata.Topics[0].Partitions {
			one := kmsg.NewListOffsetsRequestTopicPartition()
			one.Partition, one.Timestamp = p.Partition, timestamp
			wanted.Partitions = append(wanted.Partitions, one)
		}
		request.Topics = append(request.Topics, wanted)
		answer, err := request.RequestWith(ctx, client)
		if err != nil {
			return nil, err
		}
		for _, p := range answer.Topics[0].Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return nil, err
			}
			if timestamp == -1 {
				found[p.Partition] = p.Offset
			} else if found[p.Partition] <= p.Offset {
				delete(found, p.Partition) // nothing in it
			}
		}
	}
	return found, nil
}

// name is what a letter is called in the notes: its own place, not where the order came from. An
// order that fails again after it was put back becomes a new letter.
func name(letter *kgo.Record) string { return fmt.Sprintf("%d/%d", letter.Partition, letter.Offset) }

func notes(ctx context.Context, s settings) (map[string]bool, error) {
	records, err := readAll(ctx, s, s.reprocessed)
	found := map[string]bool{}
	for _, note := range records {
		found[string(note.Key)] = true
	}
	return found, err
}

func selected(ctx context.Context, s settings) ([]*kgo.Record, error) {
	letters, err := readAll(ctx, s, s.deadLetters)
	var found []*kgo.Record
	for _, letter := range letters {
		if (s.selectError == "" || header(letter, "dlq-error") == s.selectError) &&
			(s.selectKey == "" || string(letter.Key) == s.selectKey) {
			found = append(found, letter)
		}
	}
	return found, err
}

// line is what inspect says of a letter.
type line struct {
	Key         *string `json:"key"`
	Error       string  `json:"error"`
	Attempts    int     `json:"attempts"`
	Topic       string  `json:"topic"`
	Partition   int32   `json:"partition"`
	Offset      int64   `json:"offset"`
	Reprocessed bool    `json:"reprocessed"`
}

func inspect(ctx context.Context, s settings) error {
	putBack, err := notes(ctx, s)
	if err != nil {
		return err
	}
	letters, err := selected(ctx, s)
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	for _, letter := range letters {
		from := journeyOf(letter)
		attempts, _ := strconv.Atoi(header(letter, "dlq-attempts"))
		said := line{nil, header(letter, "dlq-error"), attempts, from.topic, from.partition,
			from.offset, putBack[name(letter)]}
		if letter.Key != nil {
			key := string(letter.Key)
			said.Key = &key
		}
		if err := out.Encode(said); err != nil {
			return err
		}
	}
	return nil
}

func reprocess(ctx context.Context, s settings) error {
	producer, err := kgo.NewClient(append(s.connection,
		kgo.TransactionalID(s.groupID+"-reprocess"),
		kgo.ProducerLinger(0),
	)...)
	if err != nil {
		return err
	}
	defer producer.Close()
	// Ends what a predecessor left open, so what we read now is all that it did.
	if err := initTransactions(ctx, producer); err != nil {
		return err
	}
	putBack, err := notes(ctx, s)
	if err != nil {
		return err
	}
	letters, err := selected(ctx, s)
	if err != nil {
		return err
	}
	for _, letter := range letters {
		if putBack[name(letter)] {
			continue
		}
		if err := putBackOne(ctx, s, producer, letter); err != nil {
			return err
		}
	}
	return nil
}

// initTransactions gets the producer's id; the cluster may still be ending what was left open.
func initTransactions(ctx context.Context, producer *kgo.Client) error {
	for {
		_, _, err := producer.ProducerID(ctx)
		if !errors.Is(err, kerr.ConcurrentTransactions) || ctx.Err() != nil {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// putBackOne writes the order and the note that it was put back: both or neither.
func putBackOne(ctx context.Context, s settings, producer *kgo.Client, letter *kgo.Record) error {
	travelled := journeyOf(letter)
	travelled.attempts = 1
	if err := producer.BeginTransaction(); err != nil {
		return err
	}
	order := again(letter, s.retry1, travelled.retryHeaders(travelled.due))
	note := &kgo.Record{Topic: s.reprocessed, Key: []byte(name(letter)), Value: []byte("put back")}
	if err := producer.ProduceSync(ctx, order, note).FirstErr(); err != nil {
		return err // the next run ends the transaction
	}
	return producer.EndTransaction(ctx, kgo.TryCommit)
}
