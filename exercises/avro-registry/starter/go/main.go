// The scan service. It writes Avro that nobody else can read, and reads only its own.
//
// TODO: make it do what the brief in README.md says; `kafka-lab check` says how far you are.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/hamba/avro/v2"
	"github.com/twmb/franz-go/pkg/kgo"
)

//go:embed parcel_scan.avsc
var schemaText string

var schema = avro.MustParse(schemaText)

// scan is both the event and its JSON.
type scan struct {
	Parcel    string  `avro:"parcel" json:"parcel"`
	Depot     string  `avro:"depot" json:"depot"`
	ScannedAt int64   `avro:"scanned_at" json:"scanned_at"`
	Grams     int64   `avro:"grams" json:"grams"`
	Status    string  `avro:"status" json:"status"`
	Note      *string `avro:"note" json:"note"`
	Handler   string  `avro:"handler" json:"handler"`
}

func encode(value []byte) (string, []byte, error) {
	// TODO: a scan that is no scan goes to s.deadTopic.
	var given scan
	if err := json.Unmarshal(value, &given); err != nil {
		return "", nil, err
	}
	// TODO: a reader has to know which schema this was written with: magic byte and id, from the
	// registry at s.registryURL. Ask it once, not for each record.
	datum, err := avro.Marshal(schema, given)
	return given.Parcel, datum, err
}

func decode(value []byte) ([]byte, error) {
	// TODO: others write with other schemas. Which, the first five bytes say.
	var found scan
	if err := avro.Unmarshal(schema, value, &found); err != nil {
		return nil, err
	}
	return json.Marshal(found)
}

func main() {
	stopping, unregister := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer unregister()
	s, err := readSettings()
	if err != nil {
		log.Fatal("leaving: ", err)
	}
	client, err := kgo.NewClient(append(s.connection,
		kgo.ConsumerGroup(s.groupID),
		kgo.ConsumeTopics(s.scansTopic, s.eventsTopic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		// TODO: by default offsets are committed by a timer, whatever became of the records.
	)...)
	if err != nil {
		log.Fatal("leaving: ", err)
	}
	defer client.Close()

	for stopping.Err() == nil {
		for _, record := range client.PollFetches(stopping).Records() {
			made := &kgo.Record{Topic: s.jsonTopic, Key: record.Key}
			if record.Topic == s.scansTopic {
				parcel, value, err := encode(record.Value)
				if err != nil {
					log.Fatal("leaving: ", err)
				}
				made = &kgo.Record{Topic: s.eventsTopic, Key: []byte(parcel), Value: value}
			} else {
				// TODO: tombstones; what cannot be decoded goes to s.deadTopic.
				if made.Value, err = decode(record.Value); err != nil {
					log.Fatal("leaving: ", err)
				}
			}
			client.ProduceSync(stopping, made) // TODO: and if the write has failed?
		}
	}
}
