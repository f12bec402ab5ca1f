// The scan service: scans become Avro events, everybody's events become JSON.
//
// At least once: an input's offset is committed only when the cluster has acknowledged what came of
// it. What cannot be understood goes, as it is, to the dead topic, and the next record is handled.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hamba/avro/v2"
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
	codec  *codec
	client *kgo.Client
}

func newService() (*service, error) {
	settings, err := readSettings()
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(append(settings.connection,
		kgo.ConsumerGroup(settings.groupID),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		// Committed by hand, when the output is acknowledged.
		kgo.DisableAutoCommit(),
		// Nobody takes our partitions away between a poll and its commit.
		kgo.BlockRebalanceOnPoll(),
		kgo.FetchMaxWait(500*time.Millisecond),
		kgo.ProducerLinger(0),
		kgo.WithLogger(kgo.BasicLogger(os.Stderr, kgo.LogLevelWarn, nil)),
	)...)
	codec := &codec{registry: newRegistry(settings.registryURL), writers: map[uint32]avro.Schema{}}
	return &service{settings, codec, client}, err
}

// work handles records until it is told to stop (nil), or until an error that this instance cannot
// survive.
func (s *service) work(stopping context.Context) error {
	// The topic may carry other types of records one day: its name alone is no subject.
	subject := s.eventsTopic + "-" + ownSchema.FullName()
	ask := s.codec.registry.lookUp
	if s.registerSchemas {
		ask = s.codec.registry.register
	}
	id, err := ask(stopping, subject, schemaText)
	if err != nil {
		return err
	}
	s.codec.id = uint32(id)
	s.client.AddConsumeTopics(s.scansTopic, s.eventsTopic)
	for {
		fetches := s.client.PollRecords(stopping, 100)
		if stopping.Err() != nil {
			return nil // what was polled is not handled, and so not committed
		}
		for _, failed := range fetches.Errors() {
			log.Print("reading: ", failed.Err) // the client goes on trying
		}
		if err := s.handle(stopping, fetches.Records()); err != nil {
			return err
		}
		s.client.AllowRebalance()
	}
}

func (s *service) handle(stopping context.Context, records []*kgo.Record) error {
	if len(records) == 0 {
		return nil
	}
	// What has begun is finished, also when we are told to stop meanwhile.
	finishing := context.WithoutCancel(stopping)
	outcomes := make([]*kgo.Record, len(records))
	for i, record := range records {
		outcome, err := s.outcome(stopping, record)
		if err != nil {
			return err
		}
		outcomes[i] = outcome
	}
	if err := s.client.ProduceSync(finishing, outcomes...).FirstErr(); err != nil {
		return err // nothing of these is committed: the next start begins with them again
	}
	return s.client.CommitRecords(finishing, records...)
}

// outcome is what becomes of a record; an error is that the registry does not answer.
func (s *service) outcome(ctx context.Context, record *kgo.Record) (*kgo.Record, error) {
	made, err := s.made(ctx, record)
	var why invalid
	if errors.As(err, &why) {
		return &kgo.Record{Topic: s.deadTopic, Key: record.Key, Value: record.Value,
			Headers: []kgo.RecordHeader{{Key: "reason", Value: []byte(why)}}}, nil
	}
	return made, err
}

func (s *service) made(ctx context.Context, record *kgo.Record) (*kgo.Record, error) {
	if record.Topic == s.scansTopic {
		scan, err := parseScan(record.Value)
		if err != nil {
			return nil, err
		}
		value, err := s.codec.encode(scan)
		return &kgo.Record{Topic: s.eventsTopic, Key: []byte(scan.Parcel), Value: value}, err
	}
	if record.Value == nil { // a tombstone; an empty value is something else
		return &kgo.Record{Topic: s.jsonTopic, Key: record.Key}, nil
	}
	event, err := s.codec.decode(ctx, record.Value)
	if err != nil {
		return nil, err
	}
	value, err := json.Marshal(event)
	return &kgo.Record{Topic: s.jsonTopic, Key: record.Key, Value: value}, err
}
