// The transfer service: turns every transfer into one debit and one credit, exactly once.
//
// One transaction holds the debits and the credits of a batch of transfers, and the consumed
// offsets. Whatever kills this process, and whenever: either all of that is visible or none of it,
// and the next start goes on where the last committed transaction ends. Nothing that matters is
// kept in memory only.
package main

import (
	"context"
	"errors"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	mostTransfers = 100             // in one transaction: keep it short
	stopWithin    = 8 * time.Second // of the ten that the brief gives
)

func main() {
	log.SetFlags(log.Ltime | log.Lmicroseconds)
	stopping, unregister := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer unregister()
	// A cluster that does not answer must not keep us here: the next start ends what is open.
	leaveSoon := func() {
		time.AfterFunc(stopWithin, func() { log.Fatal("leaving: the cluster does not answer") })
	}
	context.AfterFunc(stopping, leaveSoon)

	s, err := newService()
	if err != nil {
		log.Fatal("leaving: ", err)
	}
	err = s.work(stopping)
	leaveSoon()
	s.session.Close()
	if err != nil {
		log.Fatal("leaving: ", err) // a supervisor starts us again
	}
}

type service struct {
	settings
	// A group member and a transactional producer tied together. Its End puts the offsets of all
	// polled records into the transaction; and if that ends in an abort, its position goes back
	// to the last committed offsets, so that the same records are polled again.
	session *kgo.GroupTransactSession
	// How many records the next poll may bring.
	limit int
}

func newService() (*service, error) {
	settings, err := readSettings()
	if err != nil {
		return nil, err
	}
	session, err := kgo.NewGroupTransactSession(append(settings.connection,
		// The same at every start: this is how the broker knows that we are the successor of the
		// instance that was killed, ends its open transaction, and fences it should it wake up.
		kgo.TransactionalID(settings.transactionalID),
		kgo.ConsumerGroup(settings.groupID),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		// The default is to read everything, also transfers that their own sender took back.
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		// Wait for offsets that another instance's transaction is just committing (KIP-447).
		kgo.RequireStableFetchOffsets(),
		// A fetch that waits for new transfers holds up the one that follows a rewind.
		kgo.FetchMaxWait(500*time.Millisecond),
		// We send a batch and wait for it: waiting for more to send only costs time.
		kgo.ProducerLinger(0),
		// While the cluster is away, ask again five times a second, for up to the client's half
		// minute. By default the waits grow to five seconds.
		kgo.RetryBackoffFn(func(int) time.Duration { return 200 * time.Millisecond }),
		kgo.RequestRetries(1000),
		kgo.WithLogger(kgo.BasicLogger(os.Stderr, kgo.LogLevelWarn, nil)),
	)...)
	return &service{settings, session, mostTransfers}, err
}

// work handles transfers until it is told to stop (nil), or until an error that this instance
// cannot survive.
func (s *service) work(stopping context.Context) error {
	// First end what a predecessor left open, and only then join the group.
	if err := s.initTransactions(stopping); err != nil {
		return err
	}
	s.session.Client().AddConsumeTopics(s.transfersTopic)
	for {
		fetches := s.session.PollRecords(stopping, s.limit)
		if stopping.Err() != nil {
			return nil // no transaction is open here
		}
		for _, failed := range fetches.Errors() {
			log.Print("reading transfers: ", failed.Err) // the client goes on trying
			pause()
		}
		if fetches.NumRecords() > 0 {
			if err := s.handle(fetches.Records()); err != nil {
				return err
			}
		}
	}
}

// initTransactions gets the producer's id and a new epoch: the broker ends the transaction that a
// dead predecessor left open, and refuses everything of one that is not quite dead.
func (s *service) initTransactions(stopping context.Context) error {
	for {
		_, _, err := s.session.Client().ProducerID(stopping)
		var refused *kerr.Error
		switch {
		case err == nil || stopping.Err() != nil:
			return nil
		case errors.Is(err, kerr.ConcurrentTransactions):
			// the broker is still at it
		case errors.As(err, &refused) && !refused.Retriable:
			return err
		}
		log.Print("no producer id yet: ", err)
		pause()
	}
}

// handle books the records in one transaction, or rejects a single invalid one in a transaction of
// its own. When the transaction was aborted, the session has gone back to the last committed
// offsets, and the next polls bring the same transfers again. An error is fatal.
func (s *service) handle(records []*kgo.Record) error {
	if err := s.session.Begin(); err != nil {
		return err // fenced, for example
	}
	var sent kgo.FirstErrPromise
	send := func(record *kgo.Record) {
		s.session.Produce(context.Background(), record, sent.Promise())
	}
	for _, record := range records {
		t, invalid := parseTransfer(record.Value)
		switch {
		case invalid == nil:
			send(&kgo.Record{Topic: s.debitsTopic, Key: []byte(t.from), Value: t.debit()})
			send(&kgo.Record{Topic: s.creditsTopic, Key: []byte(t.to), Value: t.credit()})
		case len(records) > 1:
			// This transaction must not be committed. The good transfers in it come again, and the
			// invalid one too: one by one from now on, so that it has a transaction to itself.
			log.Printf("aborting: invalid transfer at %d/%d", record.Partition, record.Offset)
			s.limit = 1
			_, err := s.session.End(context.Background(), kgo.TryAbort)
			return err
		default:
			reason := kgo.RecordHeader{Key: "reason", Value: []byte(invalid.Error())}
			send(&kgo.Record{
				Topic:   s.rejectsTopic,
				Key:     record.Key,
				Value:   record.Value,
				Headers: []kgo.RecordHeader{reason},
			})
			s.limit = mostTransfers
		}
	}
	return s.end(sent.Err())
}

// end commits the transaction if all was sent, and aborts it if not.
func (s *service) end(failed error) error {
	// No deadline here. A commit of which we do not know the outcome must not be followed by an
	// abort, nor by the same transfers again: both are guesses. The client repeats the same commit
	// until it has an answer. If it gives up, it returns an error, and we leave without touching
	// anything: our successor asks the broker how far we came.
	committed, err := s.session.End(context.Background(), failed == nil)
	if err != nil {
		return err
	}
	if !committed {
		log.Print("aborted, trying again: ", failed) // no error: the group has been rebalanced
		pause()
	}
	return nil
}

// pause, because a missing permission is not back within a millisecond.
func pause() { time.Sleep(50 * time.Millisecond) }
