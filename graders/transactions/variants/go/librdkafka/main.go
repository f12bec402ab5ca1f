// A right solution, built differently: librdkafka, one transaction a record, rewinding by hand.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

func main() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	if err := run(signals); err != nil {
		fmt.Fprintln(os.Stderr, "fatal:", err)
		os.Exit(1)
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
	config, err := properties(kafka.ConfigMap{
		"transactional.id": os.Getenv("TRANSACTIONAL_ID"),
		"linger.ms":        0,
	})
	if err != nil {
		return err
	}
	producer, err := kafka.NewProducer(config)
	if err != nil {
		return err
	}
	defer producer.Close()
	go func() {
		for event := range producer.Events() {
			if err, ok := event.(kafka.Error); ok {
				log.Print("producer: ", err)
			}
		}
	}()
	if err := patiently(producer.InitTransactions); err != nil {
		return err
	}

	config, err = properties(kafka.ConfigMap{
		"group.id":           os.Getenv("GROUP_ID"),
		"enable.auto.commit": false,
		"auto.offset.reset":  "earliest",
		"isolation.level":    "read_committed",
	})
	if err != nil {
		return err
	}
	consumer, err := kafka.NewConsumer(config)
	if err != nil {
		return err
	}
	defer consumer.Close()
	if err := consumer.Subscribe(os.Getenv("TRANSFERS_TOPIC"), nil); err != nil {
		return err
	}

	for {
		select {
		case <-signals:
			return nil
		default:
		}
		switch event := consumer.Poll(200).(type) {
		case kafka.Error:
			if event.IsFatal() {
				return event
			}
			log.Print("consumer: ", event)
		case *kafka.Message:
			if event.TopicPartition.Error != nil {
				log.Print("consumer: ", event.TopicPartition.Error)
				continue
			}
			if err := handle(consumer, producer, event); err != nil {
				return err
			}
		}
	}
}

// handle is one transaction. If that has to be aborted, the message will be read again.
func handle(consumer *kafka.Consumer, producer *kafka.Producer, message *kafka.Message) error {
	err := transact(consumer, producer, message)
	var kafkaError kafka.Error
	if err == nil || !errors.As(err, &kafkaError) || !kafkaError.TxnRequiresAbort() {
		return err
	}
	log.Print("aborting: ", err)
	if err := patiently(producer.AbortTransaction); err != nil {
		return err
	}
	time.Sleep(100 * time.Millisecond)
	// Only this message was in the transaction, so the committed offset is its own.
	if err := consumer.Seek(message.TopicPartition, 5000); err != nil {
		return err // not ours any more, or unreachable: a fresh start sorts it out
	}
	return nil
}

func transact(consumer *kafka.Consumer, producer *kafka.Producer, message *kafka.Message) error {
	if err := producer.BeginTransaction(); err != nil {
		return err
	}
	outputs, err := book(message.Value)
	if err != nil {
		if err := patiently(producer.AbortTransaction); err != nil {
			return err
		}
		if err := producer.BeginTransaction(); err != nil {
			return err
		}
		rejected := output("REJECTS_TOPIC", message.Key, message.Value)
		rejected.Headers = []kafka.Header{{Key: "reason", Value: []byte(err.Error())}}
		outputs = []*kafka.Message{rejected}
	}
	for _, record := range outputs {
		if err := producer.Produce(record, nil); err != nil {
			return err
		}
	}
	next := message.TopicPartition
	next.Offset++
	group, err := consumer.GetConsumerGroupMetadata()
	if err != nil {
		return err
	}
	err = patiently(func(ctx context.Context) error {
		return producer.SendOffsetsToTransaction(ctx, []kafka.TopicPartition{next}, group)
	})
	if err != nil {
		return err
	}
	return patiently(producer.CommitTransaction)
}

// patiently repeats a call while its error says that this is the thing to do. That goes for a
// commit of unknown outcome too.
func patiently(call func(context.Context) error) error {
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		err := call(ctx)
		cancel()
		var kafkaError kafka.Error
		if err == nil || !errors.As(err, &kafkaError) || !kafkaError.IsRetriable() {
			return err
		}
		log.Print("trying again: ", err)
		time.Sleep(50 * time.Millisecond)
	}
}

func output(variable string, key, value []byte) *kafka.Message {
	topic := os.Getenv(variable)
	return &kafka.Message{
		TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: kafka.PartitionAny},
		Key:            key,
		Value:          value,
	}
}

// book makes the debit and the credit, or says why the value is no transfer.
func book(value []byte) ([]*kafka.Message, error) {
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	var parsed any
	if err := decoder.Decode(&parsed); err != nil {
		return nil, fmt.Errorf("no JSON: %w", err)
	}
	fields, ok := parsed.(map[string]any)
	if _, err := decoder.Token(); !ok || err != io.EOF || !utf8.Valid(value) {
		return nil, errors.New("not one JSON object in UTF-8")
	}
	id, _ := fields["id"].(string)
	from, _ := fields["from"].(string)
	to, _ := fields["to"].(string)
	if id == "" || from == "" || to == "" || from == to {
		return nil, errors.New("id, from and to must be strings, from and to different ones")
	}
	number, _ := fields["amount"].(json.Number)
	amount, err := number.Int64()
	if err != nil || amount < 1 || amount > 1_000_000_000 {
		return nil, errors.New("no whole number of cents, or too many of them")
	}
	entry := func(account string) []byte {
		text, _ := json.Marshal(map[string]any{
			"transfer_id": id, "account": account, "amount": amount,
		})
		return text
	}
	return []*kafka.Message{
		output("DEBITS_TOPIC", []byte(from), entry(from)),
		output("CREDITS_TOPIC", []byte(to), entry(to)),
	}, nil
}
