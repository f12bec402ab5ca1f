// A right solution, built differently: librdkafka; one goroutine and one group for each topic; what
// travels along is one header of JSON; notes without transactions, letter by letter.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

const header = "travel"

// travel is what an order takes along.
type travel struct {
	Topic     string
	Partition int32
	Offset    int64
	Tries     int
	NotBefore int64
	Timestamp int64
}

var (
	dead    atomic.Int64
	stop    atomic.Bool
	orders  = os.Getenv("ORDERS_TOPIC")
	retry1  = os.Getenv("RETRY_1_TOPIC")
	retry2  = os.Getenv("RETRY_2_TOPIC")
	letters = os.Getenv("DEAD_LETTERS_TOPIC")
	notes   = os.Getenv("REPROCESSED_TOPIC")
)

func main() {
	var err error
	switch os.Getenv("MODE") {
	case "inspect":
		err = inspect()
	case "reprocess":
		err = reprocess()
	default:
		err = work()
	}
	if err != nil {
		log.Fatal(err)
	}
}

// properties reads KAFKA_CONFIG, which for this client is in librdkafka's own keys.
func properties(more kafka.ConfigMap) *kafka.ConfigMap {
	text, err := os.ReadFile(os.Getenv("KAFKA_CONFIG"))
	if err != nil {
		log.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		name, value, found := strings.Cut(lines.Text(), "=")
		if found && !strings.HasPrefix(name, "#") {
			more[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return &more
}

func work() error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	go func() { <-signals; stop.Store(true) }()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "dead_letters_total{service=\"courier\"} %d\n", dead.Load())
	})
	go func() { log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("METRICS_PORT"), mux)) }()
	producer, err := kafka.NewProducer(properties(kafka.ConfigMap{"linger.ms": 0, "acks": "all"}))
	if err != nil {
		return err
	}
	group := os.Getenv("GROUP_ID")
	var all sync.WaitGroup
	for topic, name := range map[string]string{orders: group, retry1: group + "-r1", retry2: group + "-r2"} {
		all.Add(1)
		go func() {
			defer all.Done()
			if err := serve(topic, name, producer); err != nil {
				log.Fatal(topic, ": ", err)
			}
		}()
	}
	all.Wait()
	producer.Close()
	return nil
}

func serve(topic, group string, producer *kafka.Producer) error {
	consumer, err := kafka.NewConsumer(properties(kafka.ConfigMap{
		"group.id":           group,
		"enable.auto.commit": false,
		"auto.offset.reset":  "earliest",
	}))
	if err != nil {
		return err
	}
	defer consumer.Close()
	if err := consumer.Subscribe(topic, nil); err != nil {
		return err
	}
	until := map[int32]int64{}
	for !stop.Load() {
		for partition, when := range until {
			if when <= time.Now().UnixMilli() {
				delete(until, partition)
				// It fails if the partition has gone to another instance: then it is theirs.
				_ = consumer.Resume([]kafka.TopicPartition{{Topic: &topic, Partition: partition}})
			}
		}
		message, ok := consumer.Poll(50).(*kafka.Message)
		if !ok || message.TopicPartition.Error != nil {
			continue
		}
		t := travelOf(message)
		if t.NotBefore > time.Now().UnixMilli() {
			here := message.TopicPartition
			if err := consumer.Pause([]kafka.TopicPartition{here}); err != nil {
				continue
			}
			until[here.Partition] = t.NotBefore
			if _, err := consumer.SeekPartitions([]kafka.TopicPartition{here}); err != nil {
				return err
			}
			continue
		}
		if err := handle(producer, message, t); err != nil {
			return err
		}
		if _, err := consumer.CommitMessage(message); err != nil {
			log.Print("not committed: ", err)
		}
	}
	return nil
}

func travelOf(message *kafka.Message) travel {
	var t travel
	for _, h := range message.Headers {
		if h.Key == header && json.Unmarshal(h.Value, &t) == nil {
			return t
		}
	}
	place := message.TopicPartition
	return travel{*place.Topic, place.Partition, int64(place.Offset), 0, 0, message.Timestamp.UnixMilli()}
}

func without(message *kafka.Message, drop func(string) bool) []kafka.Header {
	kept := []kafka.Header{}
	for _, h := range message.Headers {
		if !drop(h.Key) {
			kept = append(kept, h)
		}
	}
	return kept
}

func handle(producer *kafka.Producer, message *kafka.Message, t travel) error {
	what, forever := ask(message.Key, message.Value, fmt.Sprintf("%s/%d/%d", t.Topic, t.Partition, t.Offset))
	if what == "" {
		return nil
	}
	if message.Key != nil {
		t.Tries++
	}
	headers := without(message, func(name string) bool { return name == header })
	target, delay := letters, ""
	switch *message.TopicPartition.Topic {
	case orders:
		target, delay = retry1, os.Getenv("RETRY_1_DELAY_MS")
	case retry1:
		target, delay = retry2, os.Getenv("RETRY_2_DELAY_MS")
	}
	if forever || target == letters {
		for name, value := range map[string]any{"topic": t.Topic, "partition": t.Partition,
			"offset": t.Offset, "error": what, "attempts": t.Tries} {
			headers = append(headers, kafka.Header{Key: "dlq-" + name, Value: []byte(fmt.Sprint(value))})
		}
		if err := send(producer, letters, message.Key, message.Value, headers, time.UnixMilli(t.Timestamp)); err != nil {
			return err
		}
		dead.Add(1)
		return nil
	}
	wait, err := strconv.ParseInt(delay, 10, 64)
	if err != nil {
		return err
	}
	t.NotBefore = time.Now().UnixMilli() + wait
	return send(producer, target, message.Key, message.Value, append(headers, packed(t)), time.Time{})
}

func packed(t travel) kafka.Header {
	text, _ := json.Marshal(t)
	return kafka.Header{Key: header, Value: text}
}

func send(producer *kafka.Producer, topic string, key, value []byte, headers []kafka.Header, when time.Time) error {
	done := make(chan kafka.Event, 1)
	err := producer.Produce(&kafka.Message{
		TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: kafka.PartitionAny},
		Key:            key, Value: value, Headers: headers, Timestamp: when,
	}, done)
	if err != nil {
		return err
	}
	return (<-done).(*kafka.Message).TopicPartition.Error
}

// ask makes one request: what went wrong, and whether that is for ever.
func ask(key, value []byte, origin string) (string, bool) {
	if key == nil {
		return "no-key", true
	}
	limit, _ := strconv.Atoi(os.Getenv("COURIER_TIMEOUT_MS"))
	client := http.Client{Timeout: time.Duration(limit) * time.Millisecond}
	defer client.CloseIdleConnections()
	method, body := "PUT", io.Reader(bytes.NewReader(value))
	if value == nil {
		method, body = "DELETE", nil
	}
	request, err := http.NewRequest(method, os.Getenv("COURIER_URL")+"/shipments/"+url.PathEscape(string(key)), body)
	if err != nil {
		return "connection", false
	}
	request.Header.Set("Idempotency-Key", origin)
	answer, err := client.Do(request)
	if err != nil {
		var problem *url.Error
		if errors.As(err, &problem) && problem.Timeout() {
			return "timeout", false
		}
		return "connection", false
	}
	answer.Body.Close()
	code := answer.StatusCode
	if code/100 == 2 {
		return "", false
	}
	return fmt.Sprintf("http-%d", code), code/100 != 5 && code != 408 && code != 429
}

func everything(topic string) ([]*kafka.Message, error) {
	consumer, err := kafka.NewConsumer(properties(kafka.ConfigMap{
		"group.id":             os.Getenv("GROUP_ID") + "-look",
		"enable.auto.commit":   false,
		"enable.partition.eof": true,
	}))
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	metadata, err := consumer.GetMetadata(&topic, false, 15000)
	if err != nil {
		return nil, err
	}
	var places []kafka.TopicPartition
	for _, p := range metadata.Topics[topic].Partitions {
		places = append(places, kafka.TopicPartition{Topic: &topic, Partition: p.ID, Offset: kafka.OffsetBeginning})
	}
	if err := consumer.Assign(places); err != nil {
		return nil, err
	}
	var found []*kafka.Message
	for left := len(places); left > 0; {
		switch event := consumer.Poll(200).(type) {
		case *kafka.Message:
			found = append(found, event)
		case kafka.PartitionEOF:
			left--
		case kafka.Error:
			if event.IsFatal() {
				return nil, event
			}
		}
	}
	return found, nil
}

func said(letter *kafka.Message, name string) string {
	for _, h := range letter.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

func chosen() ([]*kafka.Message, map[string]bool, error) {
	all, err := everything(letters)
	if err != nil {
		return nil, nil, err
	}
	var found []*kafka.Message
	for _, letter := range all {
		what, key := os.Getenv("SELECT_ERROR"), os.Getenv("SELECT_KEY")
		if (what == "" || what == said(letter, "dlq-error")) && (key == "" || key == string(letter.Key)) {
			found = append(found, letter)
		}
	}
	noted, err := everything(notes)
	known := map[string]bool{}
	for _, note := range noted {
		known[string(note.Value)] = true
	}
	return found, known, err
}

func name(letter *kafka.Message) string {
	return fmt.Sprint(letter.TopicPartition.Partition, ":", letter.TopicPartition.Offset)
}

func number(letter *kafka.Message, name string) int64 {
	found, _ := strconv.ParseInt(said(letter, name), 10, 64)
	return found
}

func inspect() error {
	found, known, err := chosen()
	if err != nil {
		return err
	}
	for _, letter := range found {
		var key any
		if letter.Key != nil {
			key = string(letter.Key)
		}
		text, err := json.Marshal(map[string]any{
			"key": key, "error": said(letter, "dlq-error"), "topic": said(letter, "dlq-topic"),
			"attempts": number(letter, "dlq-attempts"), "partition": number(letter, "dlq-partition"),
			"offset": number(letter, "dlq-offset"), "reprocessed": known[name(letter)],
		})
		if err != nil {
			return err
		}
		fmt.Println(string(text))
	}
	return nil
}

func reprocess() error {
	found, known, err := chosen()
	if err != nil {
		return err
	}
	producer, err := kafka.NewProducer(properties(kafka.ConfigMap{"linger.ms": 0, "acks": "all"}))
	if err != nil {
		return err
	}
	defer producer.Close()
	for _, letter := range found {
		if known[name(letter)] {
			continue
		}
		t := travel{said(letter, "dlq-topic"), int32(number(letter, "dlq-partition")),
			number(letter, "dlq-offset"), 1, 0, letter.Timestamp.UnixMilli()}
		headers := without(letter, func(name string) bool { return strings.HasPrefix(name, "dlq-") })
		if err := send(producer, retry1, letter.Key, letter.Value, append(headers, packed(t)), time.Time{}); err != nil {
			return err
		}
		if err := send(producer, notes, nil, []byte(name(letter)), nil, time.Time{}); err != nil {
			return err
		}
	}
	return nil
}
