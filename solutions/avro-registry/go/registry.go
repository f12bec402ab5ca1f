package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"time"
)

const (
	registryTimeout = 2 * time.Second // http.DefaultClient waits for ever
	registryPause   = 300 * time.Millisecond
)

// refused is an answer of the registry, and the answer is no.
type refused struct {
	path   string
	status int
}

func (r refused) Error() string {
	return fmt.Sprintf("the registry says %d to %s", r.status, r.path)
}

// registered is what the registry says of a schema.
type registered struct {
	ID         int    `json:"id"`
	Schema     string `json:"schema"`
	SchemaType string `json:"schemaType"` // left out where it is Avro
}

// registry asks the schema registry over HTTP, and asks once for each id.
type registry struct {
	url    string
	client http.Client
	known  map[uint32]registered
}

func newRegistry(url string) *registry {
	client := http.Client{Timeout: registryTimeout}
	return &registry{url: url, client: client, known: map[uint32]registered{}}
}

// register gives the schema's id, and registers it where it is new.
func (r *registry) register(ctx context.Context, subject, schema string) (int, error) {
	found, err := r.ask(ctx, "/subjects/"+url.PathEscape(subject)+"/versions", schema)
	return found.ID, err
}

// lookUp gives the schema's id if it is registered.
func (r *registry) lookUp(ctx context.Context, subject, schema string) (int, error) {
	found, err := r.ask(ctx, "/subjects/"+url.PathEscape(subject), schema)
	return found.ID, err
}

// schema is what the registry says of an id; refused for one that it does not know.
func (r *registry) schema(ctx context.Context, id uint32) (registered, error) {
	// What an id means never changes: one request for each is enough.
	if found, ok := r.known[id]; ok {
		return found, nil
	}
	found, err := r.ask(ctx, fmt.Sprintf("/schemas/ids/%d", id), "")
	if err == nil {
		r.known[id] = found
	}
	return found, err
}

// ask asks until there is an answer, for a 5xx, or silence, is none: either what was asked for, or
// refused, or the context's end.
func (r *registry) ask(ctx context.Context, path, schema string) (registered, error) {
	for {
		found, err := r.try(ctx, path, schema)
		if _, no := err.(refused); err == nil || no {
			return found, err
		}
		log.Print("asking again: ", err)
		select {
		case <-ctx.Done():
			return registered{}, ctx.Err()
		case <-time.After(registryPause):
		}
	}
}

func (r *registry) try(ctx context.Context, path, schema string) (found registered, err error) {
	method, body := http.MethodGet, io.Reader(nil)
	if schema != "" {
		text, err := json.Marshal(map[string]string{"schema": schema})
		if err != nil {
			return found, err
		}
		method, body = http.MethodPost, bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, r.url+path, body)
	if err != nil {
		return found, err
	}
	request.Header.Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	answer, err := r.client.Do(request)
	if err != nil {
		return found, err
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode >= 500:
		return found, fmt.Errorf("the registry says %d", answer.StatusCode)
	case answer.StatusCode >= 400:
		return found, refused{path, answer.StatusCode}
	}
	return found, json.NewDecoder(answer.Body).Decode(&found)
}
