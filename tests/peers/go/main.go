// A contender: what one writes by hand in Go. It retries nothing and measures nothing.
package main

import (
	"context"
	"log"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	servers, topic, group, target, shape := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]
	options := []kgo.Opt{kgo.SeedBrokers(strings.Split(servers, ",")...), kgo.ConsumeTopics(topic),
		kgo.ConsumerGroup(group), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.AutoCommitMarks()}
	if target == "none" {
		// What is committed is all that is seen of it then.
		options = append(options, kgo.AutoCommitInterval(100*time.Millisecond))
	}
	if settings := security(); settings != nil {
		options = append(options, kgo.DialTLSConfig(settings))
	}
	client, err := kgo.NewClient(options...)
	check(err)
	sink := open(target)
	sentence := sentences[shape]
	for {
		fetches := client.PollRecords(context.Background(), 500)
		fetches.EachError(func(_ string, _ int32, err error) { check(err) })
		fetches.EachRecord(func(record *kgo.Record) { sink.add(sentence(record.Value)) })
		sink.send()
		client.MarkCommitRecords(fetches.Records()...)
	}
}
