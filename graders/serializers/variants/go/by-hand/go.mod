module orders

go 1.24

require (
	github.com/confluentinc/confluent-kafka-go/v2 v2.11.1
	github.com/linkedin/goavro/v2 v2.15.0
	google.golang.org/protobuf v1.36.12
)

require github.com/golang/snappy v0.0.1 // indirect
