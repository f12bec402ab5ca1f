// The transfer service: turns every transfer into one debit and one credit.
//
// It works on a sunny day. It is at-least-once at best: nothing ties the debit, the credit and the
// consumed offset together. The TODOs say where; guide.md says what is asked.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/twmb/franz-go/pkg/kgo"
)

type transfer struct {
	ID     string `json:"id"`
	From   string `json:"from"`
	To     string `json:"to"`
	Amount int64  `json:"amount"`
}

type booking struct {
	TransferID string `json:"transfer_id"`
	Account    string `json:"account"`
	Amount     int64  `json:"amount"`
}

type service struct {
	settings
	client *kgo.Client
}

func main() {
	stopping, unregister := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer unregister()

	settings, err := readSettings()
	if err != nil {
		log.Fatal(err)
	}
	// TODO: kgo.GroupTransactSession is a client that ties a group member and a transactional
	// producer together. Have a look at its Begin and End before you write your own.
	client, err := kgo.NewClient(append(settings.connection,
		kgo.ConsumerGroup(settings.groupID),
		kgo.ConsumeTopics(settings.transfersTopic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		// TODO: which records does this consumer read? Its default is not what the brief asks.
		// TODO: a transactional producer needs its name: settings.transactionalID.
		kgo.WithLogger(kgo.BasicLogger(os.Stderr, kgo.LogLevelWarn, nil)),
	)...)
	if err != nil {
		log.Fatal(err)
	}
	// TODO: before the first transaction, end what a predecessor left open.

	s := service{settings, client}
	err = s.work(stopping)
	client.Close()
	if err != nil {
		log.Fatal("leaving: ", err)
	}
}

// work handles transfers until it is told to stop.
func (s service) work(stopping context.Context) error {
	for {
		fetches := s.client.PollRecords(stopping, 100)
		if stopping.Err() != nil {
			return nil
		}
		for _, failed := range fetches.Errors() {
			log.Print("reading transfers: ", failed.Err)
		}
		if fetches.NumRecords() == 0 {
			continue
		}
		if err := s.handle(fetches.Records()); err != nil {
			// TODO: which errors are to be retried, which abort the transaction (and what else has
			// to go back then?), and which end the process?
			return err
		}
	}
}

func (s service) handle(records []*kgo.Record) error {
	// TODO: the debits, the credits and the offsets have to become visible together, or not at
	// all. Here each goes its own way, and a kill between two of them shows.
	for _, record := range records {
		var t transfer
		// TODO: the brief has more rules than this for a valid transfer.
		if err := json.Unmarshal(record.Value, &t); err != nil {
			// TODO: abort; then the record goes, as it is, to s.rejectsTopic.
			log.Printf("invalid transfer at %d/%d: %v", record.Partition, record.Offset, err)
			continue
		}
		debit := s.book(s.debitsTopic, t, t.From)
		credit := s.book(s.creditsTopic, t, t.To)
		if err := s.client.ProduceSync(context.Background(), debit, credit).FirstErr(); err != nil {
			return err
		}
	}
	return s.client.CommitRecords(context.Background(), records...)
}

func (s service) book(topic string, t transfer, account string) *kgo.Record {
	value, err := json.Marshal(booking{t.ID, account, t.Amount})
	if err != nil {
		panic(err) // two strings and a number can always be written
	}
	return &kgo.Record{Topic: topic, Key: []byte(account), Value: value}
}
