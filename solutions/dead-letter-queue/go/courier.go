package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// failure is why the courier does not have an order.
type failure struct {
	name      string // as the brief calls it
	permanent bool   // asking again cannot help
}

// courier is the other side's HTTP API.
type courier struct {
	url    string
	client http.Client
}

func newCourier(url string, timeout time.Duration) *courier {
	return &courier{url, http.Client{
		// For all of it: connecting, sending, waiting, reading.
		Timeout: timeout,
		// A connection that is used again may be a dead one, and the client would then ask a second
		// time on its own.
		Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}}
}

// handOver makes one attempt. A nil value withdraws the order. origin is the same in each attempt.
func (c *courier) handOver(key, value []byte, origin string) *failure {
	if key == nil {
		return &failure{"no-key", true}
	}
	method := http.MethodPut
	if value == nil {
		method = http.MethodDelete
	}
	request, err := http.NewRequestWithContext(context.Background(), method,
		fmt.Sprintf("%s/shipments/%s", c.url, key), bytes.NewReader(value))
	if err != nil {
		return &failure{"no-key", true} // no URL can be made of this key
	}
	request.Header.Set("Idempotency-Key", origin)
	answer, err := c.client.Do(request)
	var network net.Error
	switch {
	case errors.As(err, &network) && network.Timeout():
		return &failure{"timeout", false}
	case err != nil:
		return &failure{"connection", false}
	}
	answer.Body.Close()
	status := answer.StatusCode
	if status >= 200 && status < 300 {
		return nil
	}
	transient := status == 408 || status == 429 || status >= 500
	return &failure{fmt.Sprintf("http-%d", status), !transient}
}
