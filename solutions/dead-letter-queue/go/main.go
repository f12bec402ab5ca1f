// Retry topics and a dead letter queue: a service and two commands, by MODE.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const stopWithin = 8 * time.Second // of the ten that the brief gives

func main() {
	log.SetFlags(log.Ltime | log.Lmicroseconds)
	stopping, unregister := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer unregister()
	s, err := readSettings()
	if err != nil {
		log.Fatal("leaving: ", err)
	}
	switch s.mode {
	case "inspect":
		err = inspect(stopping, s)
	case "reprocess":
		err = reprocess(stopping, s)
	default:
		err = work(stopping, s)
	}
	if err != nil {
		log.Fatal("leaving: ", err) // a supervisor starts the service again
	}
}

func work(stopping context.Context, s settings) error {
	// A cluster that does not answer must not keep us here.
	context.AfterFunc(stopping, func() {
		time.AfterFunc(stopWithin, func() { log.Fatal("leaving: the cluster does not answer") })
	})
	worker, err := newWorker(s)
	if err != nil {
		return err
	}
	err = worker.work(stopping)
	worker.client.CloseAllowingRebalance()
	return err
}
