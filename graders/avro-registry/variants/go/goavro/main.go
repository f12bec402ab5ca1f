// A right scan service built differently: librdkafka, record by record; goavro, which knows the
// writer's schema only, so that what it decodes is resolved by hand; the id is asked for when the
// first scan comes.
package main

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/linkedin/goavro/v2"
)

//go:embed parcel_scan.avsc
var ownText string

var (
	scans, events = os.Getenv("SCANS_TOPIC"), os.Getenv("EVENTS_TOPIC")
	texts, dead   = os.Getenv("JSON_TOPIC"), os.Getenv("DEAD_TOPIC")
	web           = http.Client{Timeout: 4 * time.Second}
	ownID         = -1
	own           *goavro.Codec
	writers       = map[uint32]*goavro.Codec{} // nil for what is no Avro schema
)

type bad struct{ error }

func unfit(format string, values ...any) error { return bad{fmt.Errorf(format, values...)} }

// ask returns nil for a 4xx, and an error for what is no answer, having asked four times.
func ask(path string, body map[string]string) (found map[string]any, err error) {
	for range 4 {
		if found, err = askOnce(path, body); err == nil {
			return found, nil
		}
		time.Sleep(200 * time.Millisecond)
	}
	return nil, err
}

func askOnce(path string, body map[string]string) (map[string]any, error) {
	var answer *http.Response
	var err error
	if body == nil {
		answer, err = web.Get(os.Getenv("SCHEMA_REGISTRY_URL") + path)
	} else {
		text, _ := json.Marshal(body)
		answer, err = web.Post(os.Getenv("SCHEMA_REGISTRY_URL")+path, "application/json", bytes.NewReader(text))
	}
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 500 {
		return nil, fmt.Errorf("the registry says %d (%v)", answer.StatusCode, err)
	}
	if answer.StatusCode >= 400 {
		return nil, nil
	}
	found := map[string]any{}
	return found, json.Unmarshal(text, &found)
}

func id() (int, error) {
	if ownID < 0 {
		path := "/subjects/" + events + "-logistics.ParcelScan"
		if os.Getenv("REGISTER_SCHEMAS") != "false" {
			path += "/versions"
		}
		said, err := ask(path, map[string]string{"schema": ownText})
		if err != nil {
			return 0, err
		}
		if said == nil {
			return 0, fmt.Errorf("our schema is not there")
		}
		ownID = int(said["id"].(float64))
	}
	return ownID, nil
}

func writer(id uint32) (*goavro.Codec, error) {
	codec, known := writers[id]
	if !known {
		said, err := ask(fmt.Sprintf("/schemas/ids/%d", id), nil)
		if err != nil {
			return nil, err
		}
		if text, ok := said["schema"].(string); ok {
			codec, _ = goavro.NewCodec(text)
		}
		writers[id] = codec
	}
	if codec == nil {
		return nil, unfit("there is no Avro schema %d", id)
	}
	return codec, nil
}

func whole(value any) (int64, bool) {
	switch n := value.(type) {
	case int32:
		return int64(n), true
	case int64:
		return n, true
	}
	return 0, false
}

// resolve does by hand what the specification calls schema resolution, for the one reader's schema
// that we have.
func resolve(native any) (map[string]any, error) {
	given, ok := native.(map[string]any)
	if !ok {
		return nil, unfit("no record")
	}
	if _, there := given["depot"]; !there {
		given["depot"] = given["location"]
	}
	made := map[string]any{"note": nil, "handler": "unknown"}
	for _, name := range []string{"parcel", "depot", "handler"} {
		text, ok := given[name].(string)
		if ok {
			made[name] = text
		} else if _, there := given[name]; there || name != "handler" {
			return nil, unfit("%s does not resolve", name)
		}
	}
	for _, name := range []string{"scanned_at", "grams"} {
		if made[name], ok = whole(given[name]); !ok {
			return nil, unfit("%s does not resolve", name)
		}
	}
	switch status := given["status"]; status {
	case "ARRIVED", "DEPARTED", "LOST":
		made["status"] = status
	case nil:
		return nil, unfit("status is missing")
	default:
		made["status"] = "OTHER"
	}
	switch note := given["note"].(type) {
	case map[string]any:
		made["note"] = note["string"]
	case string:
		made["note"] = note
	}
	return made, nil
}

func document(value []byte) (text []byte, err error) {
	if len(value) < 5 || value[0] != 0 {
		return nil, unfit("no frame")
	}
	codec, err := writer(binary.BigEndian.Uint32(value[1:]))
	if err != nil {
		return nil, err
	}
	native, _, err := codec.NativeFromBinary(value[5:])
	if err != nil {
		return nil, bad{err}
	}
	made, err := resolve(native)
	if err != nil {
		return nil, err
	}
	return json.Marshal(made)
}

func event(value []byte) (key, made []byte, err error) {
	var scan struct {
		Parcel, Depot, Status string
		Handler               *string
		ScannedAt             *uint64 `json:"scanned_at"`
		Grams                 *uint64
		Note                  *string
	}
	if !utf8.Valid(value) {
		return nil, nil, unfit("no UTF-8")
	}
	if err := json.Unmarshal(value, &scan); err != nil {
		return nil, nil, bad{err}
	}
	handler := "unknown"
	if scan.Handler != nil {
		handler = *scan.Handler
	}
	known := scan.Status == "ARRIVED" || scan.Status == "DEPARTED" || scan.Status == "LOST"
	if scan.Parcel == "" || scan.Depot == "" || handler == "" || !known ||
		scan.ScannedAt == nil || scan.Grams == nil || *scan.ScannedAt>>63 > 0 || *scan.Grams>>63 > 0 {
		return nil, nil, unfit("it breaks a rule")
	}
	number, err := id()
	if err != nil {
		return nil, nil, err
	}
	native := map[string]any{
		"parcel": scan.Parcel, "depot": scan.Depot, "scanned_at": int64(*scan.ScannedAt),
		"grams": int64(*scan.Grams), "status": scan.Status, "note": nil, "handler": handler,
	}
	if scan.Note != nil {
		native["note"] = goavro.Union("string", *scan.Note)
	}
	frame := binary.BigEndian.AppendUint32([]byte{0}, uint32(number))
	made, err = own.BinaryFromNative(frame, native)
	return []byte(scan.Parcel), made, err
}

func outcome(message *kafka.Message) (*kafka.Message, error) {
	topic, key, value := texts, message.Key, []byte(nil)
	var err error
	if *message.TopicPartition.Topic == scans {
		topic = events
		key, value, err = event(message.Value)
	} else if message.Value != nil {
		value, err = document(message.Value)
	}
	made := &kafka.Message{Key: key, Value: value}
	if why, ok := err.(bad); ok {
		topic, err = dead, nil
		made.Key, made.Value = message.Key, message.Value
		made.Headers = []kafka.Header{{Key: "reason", Value: []byte(why.Error())}}
	}
	made.TopicPartition = kafka.TopicPartition{Topic: &topic, Partition: kafka.PartitionAny}
	return made, err
}

func properties(more kafka.ConfigMap) *kafka.ConfigMap {
	file, err := os.Open(os.Getenv("KAFKA_CONFIG"))
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		name, value, found := strings.Cut(lines.Text(), "=")
		if found && !strings.HasPrefix(name, "#") {
			more[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return &more
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal("leaving: ", err)
	}
	return value
}

func main() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	own = must(goavro.NewCodec(ownText))
	producer := must(kafka.NewProducer(properties(kafka.ConfigMap{"linger.ms": 0})))
	consumer := must(kafka.NewConsumer(properties(kafka.ConfigMap{
		"group.id": os.Getenv("GROUP_ID"), "auto.offset.reset": "earliest", "enable.auto.commit": false,
	})))
	if err := consumer.SubscribeTopics([]string{events, scans}, nil); err != nil {
		log.Fatal(err)
	}
	reports := make(chan kafka.Event, 1)
	for len(stop) == 0 {
		message, ok := consumer.Poll(100).(*kafka.Message)
		if !ok || message.TopicPartition.Error != nil {
			continue
		}
		made := must(outcome(message))
		if err := producer.Produce(made, reports); err != nil {
			log.Fatal(err)
		}
		if err := (<-reports).(*kafka.Message).TopicPartition.Error; err != nil {
			log.Fatal(err)
		}
		must(consumer.CommitMessage(message))
	}
	consumer.Close()
}
