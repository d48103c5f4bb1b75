// A contender: what one writes by hand in Go. It retries nothing and measures nothing.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

type price struct {
	Timestamp json.Number `json:"timestamp"`
	Ticker    string      `json:"ticker"`
	Price     string      `json:"price"`
}

func write(body *bytes.Buffer, value []byte) {
	var p price
	check(json.Unmarshal(value, &p))
	whole, _, _ := strings.Cut(string(p.Timestamp), ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	check(err)
	at := time.Unix(seconds, 0).UTC().Format(time.DateTime)
	line, err := json.Marshal("At " + at + " the price of " + p.Ticker + " is " + p.Price + ".")
	check(err)
	body.Write(line)
	body.WriteByte('\n')
}

func post(url string, body *bytes.Buffer) {
	answer, err := http.Post(url, "application/x-ndjson", bytes.NewReader(body.Bytes()))
	check(err)
	_, err = io.Copy(io.Discard, answer.Body)
	check(err)
	check(answer.Body.Close())
	if answer.StatusCode != http.StatusOK {
		log.Fatal(answer.Status)
	}
	body.Reset()
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	servers, topic, group, url := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(servers, ",")...), kgo.ConsumeTopics(topic),
		kgo.ConsumerGroup(group), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.AutoCommitMarks())
	check(err)
	var body bytes.Buffer
	for {
		fetches := client.PollRecords(context.Background(), 500)
		fetches.EachError(func(_ string, _ int32, err error) { check(err) })
		fetches.EachRecord(func(record *kgo.Record) { write(&body, record.Value) })
		if body.Len() > 0 {
			post(url, &body)
			client.MarkCommitRecords(fetches.Records()...)
		}
	}
}
