package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// What travels with an order is in headers: retry-… on the way, dlq-… at the end. Key, value,
// timestamp and the order's own headers are never touched.
var ours = []string{"retry-", "dlq-"}

// journey is where an order came from, and how often it was tried.
type journey struct {
	topic     string
	partition int32
	offset    int64
	attempts  int
	due       time.Time // not to be tried before
}

func (j journey) origin() string { return fmt.Sprintf("%s/%d/%d", j.topic, j.partition, j.offset) }

func (j journey) retryHeaders(due time.Time) []kgo.RecordHeader {
	return headers("retry-", "topic", j.topic, "partition", j.partition, "offset", j.offset,
		"attempts", j.attempts, "due", due.UnixMilli())
}

func (j journey) deadHeaders(cause string) []kgo.RecordHeader {
	return headers("dlq-", "topic", j.topic, "partition", j.partition, "offset", j.offset,
		"error", cause, "attempts", j.attempts)
}

func headers(prefix string, pairs ...any) []kgo.RecordHeader {
	var found []kgo.RecordHeader
	for i := 0; i < len(pairs); i += 2 {
		found = append(found, kgo.RecordHeader{
			Key:   prefix + pairs[i].(string),
			Value: []byte(fmt.Sprint(pairs[i+1])),
		})
	}
	return found
}

// header is the last header of this name, as text; empty if there is none.
func header(record *kgo.Record, name string) string {
	text := ""
	for _, h := range record.Headers {
		if h.Key == name {
			text = string(h.Value)
		}
	}
	return text
}

// ownHeaders are those that the order itself had.
func ownHeaders(record *kgo.Record) []kgo.RecordHeader {
	var found []kgo.RecordHeader
	for _, h := range record.Headers {
		if !strings.HasPrefix(h.Key, ours[0]) && !strings.HasPrefix(h.Key, ours[1]) {
			found = append(found, h)
		}
	}
	return found
}

// journeyOf reads a record of the orders topic, of a retry topic, or a dead letter.
func journeyOf(record *kgo.Record) journey {
	for _, prefix := range ours {
		if topic := header(record, prefix+"topic"); topic != "" {
			number := func(name string) int64 {
				found, _ := strconv.ParseInt(header(record, prefix+name), 10, 64)
				return found
			}
			return journey{topic, int32(number("partition")), number("offset"),
				int(number("attempts")), time.UnixMilli(number("due"))}
		}
	}
	// It has not been anywhere yet: this is where it came from.
	return journey{topic: record.Topic, partition: record.Partition, offset: record.Offset}
}

// again is the same order, to be written somewhere else.
func again(record *kgo.Record, topic string, more []kgo.RecordHeader) *kgo.Record {
	return &kgo.Record{
		Topic:     topic,
		Key:       record.Key,
		Value:     record.Value,
		Timestamp: record.Timestamp,
		Headers:   append(ownHeaders(record), more...),
	}
}
