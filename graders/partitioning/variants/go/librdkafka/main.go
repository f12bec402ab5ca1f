// A right solution, built differently: librdkafka, and one goroutine that does everything. Work is
// a timer; what is due comes back through a channel.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"math/rand"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

var (
	input    = os.Getenv("INPUT_TOPIC")
	output   = os.Getenv("OUTPUT_TOPIC")
	works    = os.Getenv("MODE") == "work"
	strategy = os.Getenv("STRATEGY")
	reserved = strings.Split(os.Getenv("RESERVED_TENANTS"), ",")
)

// A task is one record of the input that is not finished.
type task struct {
	message *kafka.Message
	place   int32
	offset  kafka.Offset
	begun   bool // its wait has begun
	sent    bool // its copy was given to the client
}

type loop struct {
	consumer *kafka.Consumer
	producer *kafka.Producer
	linger   time.Duration
	due      chan *task
	queues   map[string][]*task // by key; the first one is in hand
	open     map[int32]map[kafka.Offset]*task
	next     map[int32]kafka.Offset // behind the last one read
	saved    map[int32]kafka.Offset // committed
	count    int
	counted  time.Time
	turn     int
	turned   time.Time
	failure  error
}

func main() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	if err := run(signals); err != nil {
		log.Fatal("leaving: ", err)
	}
}

// properties reads KAFKA_CONFIG, which for this client is in librdkafka's own keys.
func properties(more kafka.ConfigMap) (*kafka.ConfigMap, error) {
	file, err := os.Open(os.Getenv("KAFKA_CONFIG"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		name, value, found := strings.Cut(lines.Text(), "=")
		if found && !strings.HasPrefix(name, "#") {
			more[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return &more, lines.Err()
}

func run(signals <-chan os.Signal) error {
	milliseconds, err := strconv.Atoi(os.Getenv("LINGER_MS"))
	if err != nil {
		return err
	}
	l := &loop{
		linger: time.Duration(milliseconds) * time.Millisecond,
		due:    make(chan *task, 100_000),
		queues: map[string][]*task{},
		open:   map[int32]map[kafka.Offset]*task{},
		next:   map[int32]kafka.Offset{},
		saved:  map[int32]kafka.Offset{},
	}
	config, err := properties(kafka.ConfigMap{
		"linger.ms":                          milliseconds,
		"enable.idempotence":                 true,
		"topic.metadata.refresh.interval.ms": 1500,
		"reconnect.backoff.max.ms":           500,
	})
	if err != nil {
		return err
	}
	if l.producer, err = kafka.NewProducer(config); err != nil {
		return err
	}
	config, err = properties(kafka.ConfigMap{
		"group.id":                      os.Getenv("GROUP_ID"),
		"enable.auto.commit":            false,
		"auto.offset.reset":             "earliest",
		"partition.assignment.strategy": "cooperative-sticky",
		"reconnect.backoff.max.ms":      500,
	})
	if err != nil {
		return err
	}
	if l.consumer, err = kafka.NewConsumer(config); err != nil {
		return err
	}
	if err := l.consumer.Subscribe(input, l.rebalanced); err != nil {
		return err
	}
	saved := time.Now()
	for l.failure == nil {
		select {
		case <-signals:
			l.release(nil)
			err := l.consumer.Close() // takes part in a last rebalance: the producer is still there
			l.producer.Flush(2000)
			l.producer.Close()
			return err
		default:
		}
		// Up to a hundred records at a time, then whatever is due.
		for n := 0; n < 100; n++ {
			wait := 0
			if n == 0 {
				wait = 5
			}
			event := l.consumer.Poll(wait)
			if event == nil {
				break
			}
			if message, ok := event.(*kafka.Message); ok && message.TopicPartition.Error == nil {
				l.take(message)
			} else if problem, ok := event.(kafka.Error); ok && problem.IsFatal() {
				return problem
			}
		}
		l.turnOver()
		if time.Since(saved) > 250*time.Millisecond {
			l.commit(nil)
			saved = time.Now()
		}
	}
	return l.failure
}

// turnOver looks at timers and acknowledgements without waiting.
func (l *loop) turnOver() {
	for {
		select {
		case done := <-l.due:
			l.finishWait(done)
		case event := <-l.producer.Events():
			if message, ok := event.(*kafka.Message); ok {
				done := message.Opaque.(*task)
				if message.TopicPartition.Error != nil {
					l.failure = message.TopicPartition.Error
				} else if l.open[done.place][done.offset] == done {
					delete(l.open[done.place], done.offset)
				}
			}
		default:
			return
		}
	}
}

func (l *loop) take(message *kafka.Message) {
	t := &task{message: message, place: message.TopicPartition.Partition,
		offset: message.TopicPartition.Offset}
	l.open[t.place][t.offset] = t
	l.next[t.place] = t.offset + 1
	if !works {
		l.write(t)
		return
	}
	key := string(message.Key)
	l.queues[key] = append(l.queues[key], t)
	l.begin(key)
}

// begin starts the wait of a key's first record, unless it waits already.
func (l *loop) begin(key string) {
	for len(l.queues[key]) > 0 {
		first := l.queues[key][0]
		if l.open[first.place][first.offset] == first { // else its partition was taken from us
			if !first.begun {
				first.begun = true
				var work struct {
					Milliseconds int `json:"work_ms"`
				}
				if l.failure = json.Unmarshal(first.message.Value, &work); l.failure != nil {
					return
				}
				time.AfterFunc(time.Duration(work.Milliseconds)*time.Millisecond,
					func() { l.due <- first })
			}
			return
		}
		l.queues[key] = l.queues[key][1:]
	}
	delete(l.queues, key)
}

func (l *loop) finishWait(t *task) {
	if l.open[t.place][t.offset] == t {
		l.write(t)
	}
	key := string(t.message.Key)
	if len(l.queues[key]) > 0 && l.queues[key][0] == t {
		l.queues[key] = l.queues[key][1:]
	}
	l.begin(key)
}

func (l *loop) write(t *task) {
	t.sent = true
	count, err := l.partitions()
	if err != nil {
		l.failure = err
		return
	}
	record := &kafka.Message{
		TopicPartition: kafka.TopicPartition{
			Topic: &output, Partition: int32(l.choose(t.message.Key, count)),
		},
		Key: t.message.Key, Value: t.message.Value, Opaque: t,
	}
	for {
		err := l.producer.Produce(record, nil)
		var full kafka.Error
		if !errors.As(err, &full) || full.Code() != kafka.ErrQueueFull {
			if err != nil {
				l.failure = err
			}
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (l *loop) partitions() (int, error) {
	if l.count > 0 && time.Since(l.counted) < 2*time.Second {
		return l.count, nil
	}
	found, err := l.producer.GetMetadata(&output, false, 5000)
	if err != nil && l.count > 0 {
		return l.count, nil // a connection may break: next time
	}
	if err != nil {
		return 0, err
	}
	if l.count = len(found.Topics[output].Partitions); l.count == 0 {
		return 0, fmt.Errorf("%s has no partitions", output)
	}
	l.counted = time.Now()
	return l.count, nil
}

func (l *loop) choose(key []byte, count int) int {
	first := 0
	switch {
	case works || strategy == "hash":
	case strategy == "tenant":
		first = len(reserved)
		tenant, _, _ := strings.Cut(string(key), ":")
		for number, name := range reserved {
			if key != nil && name == tenant {
				return number
			}
		}
	case strategy == "sticky":
		if l.turned.IsZero() || time.Since(l.turned) >= l.linger {
			l.turn++
			l.turned = time.Now()
		}
		return l.turn % count
	default:
		l.turn++
		return l.turn % count
	}
	if key == nil {
		return first + rand.Intn(count-first)
	}
	return first + int(murmur2(key)&0x7fffffff)%(count-first)
}

func (l *loop) rebalanced(_ *kafka.Consumer, event kafka.Event) error {
	switch change := event.(type) {
	case kafka.AssignedPartitions:
		for _, p := range change.Partitions {
			l.open[p.Partition] = map[kafka.Offset]*task{}
			delete(l.next, p.Partition)
			delete(l.saved, p.Partition)
		}
	case kafka.RevokedPartitions:
		places := []int32{}
		for _, p := range change.Partitions {
			places = append(places, p.Partition)
		}
		if l.consumer.AssignmentLost() {
			l.forget(places)
		} else {
			l.release(places)
		}
	}
	return nil // the client does the rest
}

// release finishes what is in hand of these partitions (nil: of all), commits and lets them go.
func (l *loop) release(places []int32) {
	if places == nil {
		for place := range l.open {
			places = append(places, place)
		}
	}
	ended := make(map[int32]kafka.Offset)
	for _, place := range places {
		// What has not begun is put aside; the first of it is where the next owner goes on.
		for offset, t := range l.open[place] {
			if works && !t.begun {
				delete(l.open[place], offset)
				if at, known := ended[place]; !known || offset < at {
					ended[place] = offset
				}
			}
		}
	}
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		left := 0
		l.turnOver()
		for _, place := range places {
			left += len(l.open[place])
		}
		if left == 0 {
			break
		}
	}
	l.commit(ended)
	l.forget(places)
}

func (l *loop) forget(places []int32) {
	for _, place := range places {
		delete(l.open, place)
		delete(l.next, place)
	}
}

// commit saves, for each partition, the smallest unfinished offset; not beyond “ended“.
func (l *loop) commit(ended map[int32]kafka.Offset) {
	var places []kafka.TopicPartition
	for place, offset := range l.next {
		if at, known := ended[place]; known && at < offset {
			offset = at
		}
		for unfinished := range l.open[place] {
			offset = min(offset, unfinished)
		}
		if saved, known := l.saved[place]; !known || offset > saved {
			places = append(places, kafka.TopicPartition{
				Topic: &input, Partition: place, Offset: offset,
			})
		}
	}
	if len(places) == 0 {
		return
	}
	done, err := l.consumer.CommitOffsets(places)
	if err != nil {
		log.Print("not committed: ", err) // with the next one
		return
	}
	for _, place := range done {
		if place.Error == nil {
			l.saved[place.Partition] = place.Offset
		}
	}
}

// murmur2 is Kafka's: MurmurHash2 with a seed of its own.
func murmur2(key []byte) uint32 {
	const m = uint32(0x5bd1e995)
	h := uint32(0x9747b28c) ^ uint32(len(key))
	whole := len(key) / 4 * 4
	for i := 0; i < whole; i += 4 {
		k := uint32(key[i]) | uint32(key[i+1])<<8 | uint32(key[i+2])<<16 | uint32(key[i+3])<<24
		k *= m
		k ^= k >> 24
		h = h*m ^ k*m
	}
	rest := key[whole:]
	for i := len(rest) - 1; i >= 0; i-- {
		h ^= uint32(rest[i]) << (8 * i)
	}
	if len(rest) > 0 {
		h *= m
	}
	h ^= h >> 13
	h *= m
	return h ^ h>>15
}
