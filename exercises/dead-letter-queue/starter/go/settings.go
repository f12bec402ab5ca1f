package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// settings is what the environment tells us; guide.md lists the variables.
type settings struct {
	mode                     string
	orders, retry1, retry2   string // topics
	deadLetters, reprocessed string
	delays                   [2]time.Duration // of the first and the second retry
	groupID                  string
	courierURL               string
	courierTimeout           time.Duration
	metricsPort              string
	selectError, selectKey   string
	connection               []kgo.Opt // where the cluster is, and who we are there
}

func readSettings() (settings, error) {
	var missing []string
	variable := func(name string) string {
		value := os.Getenv(name)
		if value == "" {
			missing = append(missing, name)
		}
		return value
	}
	milliseconds := func(name string) time.Duration {
		number, err := strconv.Atoi(os.Getenv(name))
		if err != nil {
			missing = append(missing, name)
		}
		return time.Duration(number) * time.Millisecond
	}
	s := settings{
		mode:           variable("MODE"),
		orders:         variable("ORDERS_TOPIC"),
		retry1:         variable("RETRY_1_TOPIC"),
		retry2:         variable("RETRY_2_TOPIC"),
		deadLetters:    variable("DEAD_LETTERS_TOPIC"),
		reprocessed:    variable("REPROCESSED_TOPIC"),
		delays:         [2]time.Duration{milliseconds("RETRY_1_DELAY_MS"), milliseconds("RETRY_2_DELAY_MS")},
		groupID:        variable("GROUP_ID"),
		courierURL:     variable("COURIER_URL"),
		courierTimeout: milliseconds("COURIER_TIMEOUT_MS"),
		metricsPort:    variable("METRICS_PORT"),
		selectError:    os.Getenv("SELECT_ERROR"),
		selectKey:      os.Getenv("SELECT_KEY"),
	}
	brokers := variable("KAFKA_BOOTSTRAP_SERVERS")
	if len(missing) > 0 {
		return s, fmt.Errorf("environment variables are missing: %s", strings.Join(missing, ", "))
	}
	s.connection = append(s.connection, kgo.SeedBrokers(strings.Split(brokers, ",")...))

	protocol := os.Getenv("KAFKA_SECURITY_PROTOCOL")
	if strings.HasSuffix(protocol, "SSL") { // SSL and SASL_SSL
		config, err := trust(os.Getenv("KAFKA_SSL_CA_LOCATION"))
		if err != nil {
			return s, err
		}
		s.connection = append(s.connection, kgo.DialTLSConfig(config))
	}
	if strings.HasPrefix(protocol, "SASL") { // SASL_PLAINTEXT and SASL_SSL
		login, err := login(os.Getenv("KAFKA_SASL_MECHANISM"),
			os.Getenv("KAFKA_SASL_USERNAME"), os.Getenv("KAFKA_SASL_PASSWORD"))
		if err != nil {
			return s, err
		}
		s.connection = append(s.connection, login)
	}
	return s, nil
}

// trust makes a TLS configuration that trusts the certificates of a PEM file; without one, those
// of the system.
func trust(caFile string) (*tls.Config, error) {
	if caFile == "" {
		return &tls.Config{}, nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("there is no certificate in %s", caFile)
	}
	return &tls.Config{RootCAs: roots}, nil
}

func login(mechanism, user, password string) (kgo.Opt, error) {
	switch mechanism {
	case "PLAIN":
		return kgo.SASL(plain.Auth{User: user, Pass: password}.AsMechanism()), nil
	case "SCRAM-SHA-256":
		return kgo.SASL(scram.Auth{User: user, Pass: password}.AsSha256Mechanism()), nil
	case "SCRAM-SHA-512":
		return kgo.SASL(scram.Auth{User: user, Pass: password}.AsSha512Mechanism()), nil
	}
	return nil, fmt.Errorf("KAFKA_SASL_MECHANISM %q is not known here", mechanism)
}
