// A right order service built differently: librdkafka, record by record; Protobuf's wire format
// taken apart by hand; Avro by goavro; the binary format through encoding/binary's structs; amounts
// as big integers.
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
	"math/big"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/linkedin/goavro/v2"
	"google.golang.org/protobuf/encoding/protowire"
)

//go:embed order_event.avsc
var avroText string

var codec *goavro.Codec

const (
	protobufType = "application/x-protobuf"
	avroType     = "avro/binary"
	binaryType   = "application/vnd.kafka-lab.order"
)

var states = map[string]int64{"PLACED": 1, "PAID": 2, "CANCELLED": 3, "REFUNDED": 4}

type order struct {
	id, customer, status, currency string
	cents, at                      int64
	note                           *string
}

func (o order) wrong() error {
	for _, text := range []string{o.id, o.customer, o.note0()} {
		if !utf8.ValidString(text) {
			return fmt.Errorf("no UTF-8")
		}
	}
	if o.id == "" || o.customer == "" || states[o.status] == 0 || o.at < 0 || o.at > 253402300799999 {
		return fmt.Errorf("it breaks a rule")
	}
	if len(o.currency) != 3 {
		return fmt.Errorf("currency")
	}
	for _, letter := range []byte(o.currency) {
		if letter < 'A' || letter > 'Z' {
			return fmt.Errorf("currency")
		}
	}
	return nil
}

func (o order) note0() string {
	if o.note == nil {
		return ""
	}
	return *o.note
}

func stateName(number int64) string {
	for name, n := range states {
		if n == number {
			return name
		}
	}
	return ""
}

// -- JSON -------------------------------------------------------------------------------------

func quoted(text string) string {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.Encode(text)
	made := strings.TrimSuffix(out.String(), "\n")
	// These two are escaped all the same. (Their escapes cannot be meant otherwise: a backslash
	// before them would be doubled, so look for the ones with an even number before.)
	for _, letter := range []string{"\u2028", "\u2029"} {
		escape := fmt.Sprintf(`\u%04x`, []rune(letter)[0])
		parts := strings.Split(made, escape)
		made = parts[0]
		for _, part := range parts[1:] {
			if n := len(made) - len(strings.TrimRight(made, `\`)); n%2 == 0 {
				made += letter + part
			} else {
				made += escape + part
			}
		}
	}
	return made
}

func (o order) json() []byte {
	cents := big.NewInt(o.cents)
	sign := ""
	if cents.Sign() < 0 {
		sign = "-"
	}
	whole, rest := new(big.Int).QuoRem(cents.Abs(cents), big.NewInt(100), new(big.Int))
	text := fmt.Sprintf(`{"order_id":%s,"customer":%s,"status":"%s","amount":"%s%s.%02d","currency":"%s","occurred_at":%d`,
		quoted(o.id), quoted(o.customer), o.status, sign, whole, rest.Int64(), o.currency, o.at)
	if o.note != nil {
		text += `,"note":` + quoted(*o.note)
	}
	return []byte(text + "}")
}

func command(value []byte) (string, order, error) {
	var o order
	if !utf8.Valid(value) {
		return "", o, fmt.Errorf("no UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	fields := map[string]any{}
	if err := decoder.Decode(&fields); err != nil {
		return "", o, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return "", o, fmt.Errorf("more than one value")
	}
	encoding, _ := fields["encoding"].(string)
	o.id, _ = fields["order_id"].(string)
	o.customer, _ = fields["customer"].(string)
	o.status, _ = fields["status"].(string)
	o.currency, _ = fields["currency"].(string)
	amount, _ := fields["amount"].(string)
	at, _ := fields["occurred_at"].(json.Number)
	var err error
	if o.at, err = at.Int64(); err != nil {
		return "", o, err
	}
	if note := fields["note"]; note != nil {
		text, ok := note.(string)
		if !ok {
			return "", o, fmt.Errorf("note")
		}
		o.note = &text
	}
	digits := strings.TrimPrefix(amount, "-")
	whole, rest, found := strings.Cut(digits, ".")
	if !found || len(rest) != 2 || whole == "" || (len(whole) > 1 && whole[0] == '0') ||
		strings.Trim(whole+rest, "0123456789") != "" {
		return "", o, fmt.Errorf("amount")
	}
	cents, _ := new(big.Int).SetString(whole+rest, 10)
	if digits != amount {
		cents.Neg(cents)
	}
	if !cents.IsInt64() {
		return "", o, fmt.Errorf("amount is too large")
	}
	o.cents = cents.Int64()
	return encoding, o, o.wrong()
}

// -- the three encodings ------------------------------------------------------------------------

func toProtobuf(o order) []byte {
	text := func(out []byte, number protowire.Number, value string) []byte {
		return protowire.AppendString(protowire.AppendTag(out, number, protowire.BytesType), value)
	}
	varint := func(out []byte, number protowire.Number, value uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(out, number, protowire.VarintType), value)
	}
	out := text(text(nil, 1, o.id), 2, o.customer)
	out = varint(out, 3, uint64(states[o.status]))
	out = varint(out, 4, protowire.EncodeZigZag(o.cents))
	out = varint(text(out, 5, o.currency), 6, uint64(o.at))
	if o.note != nil {
		out = text(out, 7, *o.note)
	}
	return out
}

func fromProtobuf(value []byte) (o order, err error) {
	for len(value) > 0 {
		number, kind, n := protowire.ConsumeTag(value)
		if n < 0 {
			return o, protowire.ParseError(n)
		}
		value = value[n:]
		var text string
		var varint uint64
		switch kind {
		case protowire.BytesType:
			text, n = protowire.ConsumeString(value)
		case protowire.VarintType:
			varint, n = protowire.ConsumeVarint(value)
		default:
			n = protowire.ConsumeFieldValue(number, kind, value)
		}
		if n < 0 {
			return o, protowire.ParseError(n)
		}
		value = value[n:]
		switch {
		case kind == protowire.BytesType && number == 1:
			o.id = text
		case kind == protowire.BytesType && number == 2:
			o.customer = text
		case kind == protowire.VarintType && number == 3:
			o.status = stateName(int64(int32(varint)))
		case kind == protowire.VarintType && number == 4:
			o.cents = protowire.DecodeZigZag(varint)
		case kind == protowire.BytesType && number == 5:
			o.currency = text
		case kind == protowire.VarintType && number == 6:
			o.at = int64(varint)
		case kind == protowire.BytesType && number == 7:
			o.note = &text
		}
	}
	return o, nil
}

func toAvro(o order) []byte {
	native := map[string]any{"order_id": o.id, "customer": o.customer, "status": o.status,
		"amount_cents": o.cents, "currency": o.currency, "occurred_at": o.at, "note": nil}
	if o.note != nil {
		native["note"] = goavro.Union("string", *o.note)
	}
	return must(codec.BinaryFromNative(nil, native))
}

func fromAvro(value []byte) (o order, err error) {
	native, rest, err := codec.NativeFromBinary(value)
	if err != nil || len(rest) > 0 {
		return o, fmt.Errorf("%d bytes left, %v", len(rest), err)
	}
	fields := native.(map[string]any)
	o = order{id: fields["order_id"].(string), customer: fields["customer"].(string),
		status: fields["status"].(string), currency: fields["currency"].(string),
		cents: fields["amount_cents"].(int64), at: fields["occurred_at"].(int64)}
	if note, ok := fields["note"].(map[string]any); ok {
		text := note["string"].(string)
		o.note = &text
	}
	return o, nil
}

type head struct {
	Magic                  [2]byte
	Version, Flags, Status uint8
	Currency               [3]byte
	Cents, At              int64
}

func toBinary(o order) []byte {
	h := head{[2]byte{'O', 'E'}, 1, 0, uint8(states[o.status]), [3]byte([]byte(o.currency)), o.cents, o.at}
	texts := []string{o.id, o.customer}
	if o.note != nil {
		h.Flags = 1
		texts = append(texts, *o.note)
	}
	var out bytes.Buffer
	binary.Write(&out, binary.BigEndian, h)
	for _, text := range texts {
		binary.Write(&out, binary.BigEndian, uint16(len(text)))
		out.WriteString(text)
	}
	return out.Bytes()
}

func fromBinary(value []byte) (o order, err error) {
	in := bytes.NewReader(value)
	var h head
	if err = binary.Read(in, binary.BigEndian, &h); err != nil {
		return o, err
	}
	if h.Magic != [2]byte{'O', 'E'} || h.Version != 1 || h.Flags > 1 {
		return o, fmt.Errorf("the head is wrong")
	}
	o = order{status: stateName(int64(h.Status)), currency: string(h.Currency[:]), cents: h.Cents, at: h.At}
	texts := []*string{&o.id, &o.customer}
	if h.Flags == 1 {
		o.note = new(string)
		texts = append(texts, o.note)
	}
	for _, text := range texts {
		var size uint16
		if err = binary.Read(in, binary.BigEndian, &size); err != nil {
			return o, err
		}
		raw := make([]byte, size)
		if _, err = io.ReadFull(in, raw); err != nil {
			return o, err
		}
		*text = string(raw)
	}
	if in.Len() > 0 {
		return o, fmt.Errorf("%d bytes left", in.Len())
	}
	return o, nil
}

// -- the service ------------------------------------------------------------------------------

func last(headers []kafka.Header, name string) []byte {
	for i := len(headers) - 1; i >= 0; i-- {
		if headers[i].Key == name {
			return headers[i].Value
		}
	}
	return nil
}

func event(m *kafka.Message) (*kafka.Message, error) {
	if m.Value == nil {
		return nil, fmt.Errorf("null")
	}
	encoding, o, err := command(m.Value)
	if err != nil {
		return nil, err
	}
	kinds := map[string]string{"protobuf": protobufType, "avro": avroType, "binary": binaryType}
	if kinds[encoding] == "" {
		return nil, fmt.Errorf("encoding")
	}
	value := map[string]func(order) []byte{
		"protobuf": toProtobuf, "avro": toAvro, "binary": toBinary}[encoding](o)
	trace := last(m.Headers, "trace-id")
	if len(trace) == 0 {
		trace = fmt.Appendf(nil, "%x-%s", time.Now().UnixNano(), m.TopicPartition)
	}
	return &kafka.Message{Key: []byte(o.id), Value: value, Headers: []kafka.Header{
		{Key: "produced-at", Value: fmt.Append(nil, time.Now().UnixMilli())},
		{Key: "trace-id", Value: trace},
		{Key: "schema-version", Value: []byte("1")},
		{Key: "content-type", Value: []byte(kinds[encoding])},
	}}, nil
}

func document(m *kafka.Message) (*kafka.Message, error) {
	if m.Value == nil {
		return &kafka.Message{Key: m.Key, Headers: m.Headers}, nil
	}
	kind := strings.ToLower(strings.Trim(strings.Split(string(last(m.Headers, "content-type")), ";")[0], " \t"))
	decode := map[string]func([]byte) (order, error){
		protobufType: fromProtobuf, avroType: fromAvro, binaryType: fromBinary}[kind]
	if decode == nil || len(m.Value) == 0 {
		return nil, fmt.Errorf("content-type %q, %d bytes", kind, len(m.Value))
	}
	o, err := decode(m.Value)
	if err == nil {
		err = o.wrong()
	}
	if err != nil {
		return nil, err
	}
	headers := []kafka.Header{{Key: "content-type", Value: []byte("application/json")}}
	for _, h := range m.Headers {
		if h.Key != "content-type" {
			headers = append(headers, h)
		}
	}
	return &kafka.Message{Key: m.Key, Value: o.json(), Headers: headers}, nil
}

func outcome(m *kafka.Message) *kafka.Message {
	topic, work := os.Getenv("JSON_TOPIC"), document
	if *m.TopicPartition.Topic == os.Getenv("COMMANDS_TOPIC") {
		topic, work = os.Getenv("EVENTS_TOPIC"), event
	}
	made, err := work(m)
	if err != nil {
		topic = os.Getenv("DEAD_TOPIC")
		headers := append(append([]kafka.Header{}, m.Headers...),
			kafka.Header{Key: "reason", Value: []byte("because: " + err.Error())})
		made = &kafka.Message{Key: m.Key, Value: m.Value, Headers: headers}
	}
	made.TopicPartition = kafka.TopicPartition{Topic: &topic, Partition: kafka.PartitionAny}
	return made
}

func properties(more kafka.ConfigMap) *kafka.ConfigMap {
	file := must(os.Open(os.Getenv("KAFKA_CONFIG")))
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
	codec = must(goavro.NewCodec(avroText))
	producer := must(kafka.NewProducer(properties(kafka.ConfigMap{"linger.ms": 0})))
	consumer := must(kafka.NewConsumer(properties(kafka.ConfigMap{
		"group.id": os.Getenv("GROUP_ID"), "auto.offset.reset": "earliest", "enable.auto.commit": false,
	})))
	topics := []string{os.Getenv("COMMANDS_TOPIC"), os.Getenv("PARTNER_TOPIC"), os.Getenv("EVENTS_TOPIC")}
	if err := consumer.SubscribeTopics(topics, nil); err != nil {
		log.Fatal(err)
	}
	reports := make(chan kafka.Event, 1)
	for len(stop) == 0 {
		m, ok := consumer.Poll(100).(*kafka.Message)
		if !ok || m.TopicPartition.Error != nil {
			continue
		}
		if err := producer.Produce(outcome(m), reports); err != nil {
			log.Fatal(err)
		}
		if err := (<-reports).(*kafka.Message).TopicPartition.Error; err != nil {
			log.Fatal(err)
		}
		must(consumer.CommitMessage(m))
	}
	consumer.Close()
}
