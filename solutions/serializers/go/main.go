// The order service: commands become events, events become canonical JSON.
//
// At least once: an input's offset is committed only when the cluster has acknowledged what came of
// it. What cannot be understood goes, as it is, to the dead topic, and the next record is handled.
package main

import (
	"context"
	"crypto/rand"
	"log"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const stopWithin = 8 * time.Second // of the ten that the brief gives

func main() {
	log.SetFlags(log.Ltime | log.Lmicroseconds)
	stopping, unregister := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer unregister()
	context.AfterFunc(stopping, func() {
		time.AfterFunc(stopWithin, func() { log.Fatal("leaving: the cluster does not answer") })
	})
	s, err := newService()
	if err != nil {
		log.Fatal("leaving: ", err)
	}
	err = s.work(stopping)
	s.client.CloseAllowingRebalance()
	if err != nil {
		log.Fatal("leaving, to be started again: ", err)
	}
}

type service struct {
	settings
	client *kgo.Client
}

func newService() (*service, error) {
	settings, err := readSettings()
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(append(settings.connection,
		kgo.ConsumerGroup(settings.groupID),
		kgo.ConsumeTopics(settings.commandsTopic, settings.partnerTopic, settings.eventsTopic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		// Committed by hand, when the output is acknowledged.
		kgo.DisableAutoCommit(),
		// Nobody takes our partitions away between a poll and its commit.
		kgo.BlockRebalanceOnPoll(),
		kgo.FetchMaxWait(500*time.Millisecond),
		kgo.ProducerLinger(0),
		kgo.WithLogger(kgo.BasicLogger(os.Stderr, kgo.LogLevelWarn, nil)),
	)...)
	return &service{settings, client}, err
}

// work handles records until it is told to stop (nil), or until an error that this instance cannot
// survive.
func (s *service) work(stopping context.Context) error {
	for {
		fetches := s.client.PollRecords(stopping, 100)
		if stopping.Err() != nil {
			return nil // what was polled is not handled, and so not committed
		}
		for _, failed := range fetches.Errors() {
			log.Print("reading: ", failed.Err) // the client goes on trying
		}
		if records := fetches.Records(); len(records) > 0 {
			if err := s.handle(records); err != nil {
				return err
			}
		}
		s.client.AllowRebalance()
	}
}

func (s *service) handle(records []*kgo.Record) error {
	// What has begun is finished, also when we are told to stop meanwhile.
	finishing := context.Background()
	outcomes := make([]*kgo.Record, len(records))
	for i, record := range records {
		outcomes[i] = s.outcome(record)
	}
	if err := s.client.ProduceSync(finishing, outcomes...).FirstErr(); err != nil {
		return err // nothing of these is committed: the next start begins with them again
	}
	return s.client.CommitRecords(finishing, records...)
}

// outcome is what becomes of a record.
func (s *service) outcome(record *kgo.Record) *kgo.Record {
	outcome := s.json
	if record.Topic == s.commandsTopic {
		outcome = s.event
	}
	made, err := outcome(record)
	if err != nil { // all that these two do can fail only because of the record
		return &kgo.Record{Topic: s.deadTopic, Key: record.Key, Value: record.Value,
			Headers: append(slices.Clone(record.Headers), header("reason", err.Error()))}
	}
	return made
}

// event is what becomes of a command.
func (s *service) event(record *kgo.Record) (*kgo.Record, error) {
	format, order, err := parseCommand(record.Value)
	if err != nil {
		return nil, err
	}
	value, err := format.encode(order)
	if err != nil {
		return nil, err
	}
	trace := last(record.Headers, "trace-id")
	if len(trace) == 0 {
		trace = []byte(rand.Text())
	}
	return &kgo.Record{Topic: s.eventsTopic, Key: []byte(order.orderID), Value: value,
		Headers: []kgo.RecordHeader{
			header("content-type", format.contentType),
			header("schema-version", "1"),
			{Key: "trace-id", Value: trace},
			header("produced-at", strconv.FormatInt(time.Now().UnixMilli(), 10)),
		}}, nil
}

// json is what becomes of an event.
func (s *service) json(record *kgo.Record) (*kgo.Record, error) {
	made := &kgo.Record{Topic: s.jsonTopic, Key: record.Key, Headers: record.Headers}
	if record.Value == nil { // a tombstone; an empty value is something else
		return made, nil
	}
	name, _, _ := strings.Cut(string(last(record.Headers, "content-type")), ";")
	format, known := byType[strings.ToLower(strings.Trim(name, " \t"))]
	if !known {
		return nil, invalid("content-type is missing or none of the three")
	}
	if len(record.Value) == 0 {
		return nil, invalid("the value is empty")
	}
	order, err := format.decode(record.Value)
	if err != nil {
		return nil, err
	}
	if err := order.check(); err != nil {
		return nil, err
	}
	// A list: a name may occur twice, a value may be null, and the order counts.
	made.Headers = slices.DeleteFunc(slices.Clone(record.Headers),
		func(h kgo.RecordHeader) bool { return h.Key == "content-type" })
	made.Headers = append(made.Headers, header("content-type", "application/json"))
	made.Value = order.canonicalJSON()
	return made, nil
}

func header(name, value string) kgo.RecordHeader {
	return kgo.RecordHeader{Key: name, Value: []byte(value)}
}

// last is the value of the last header of that name; nil if it is null or there is none.
func last(headers []kgo.RecordHeader, name string) []byte {
	for _, h := range slices.Backward(headers) {
		if h.Key == name {
			return h.Value
		}
	}
	return nil
}
