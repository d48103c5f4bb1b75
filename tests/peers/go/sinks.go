// Where lines go: to an address, into a file that is synced, or nowhere.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
)

const mostBytes = 5 << 20

type sink struct {
	url  string
	file *os.File
	body bytes.Buffer
}

func open(target string) *sink {
	path, isFile := strings.CutPrefix(target, "file:")
	if !isFile {
		return &sink{url: target}
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	check(err)
	return &sink{file: file}
}

func (s *sink) add(text string) {
	if s.file != nil {
		s.body.WriteString(text)
	} else {
		line, err := json.Marshal(text)
		check(err)
		s.body.Write(line)
	}
	s.body.WriteByte('\n')
	if s.body.Len() >= mostBytes {
		s.send()
	}
}

func (s *sink) send() {
	if s.body.Len() == 0 {
		return
	}
	if s.file != nil {
		_, err := s.file.Write(s.body.Bytes())
		check(err)
		check(s.file.Sync())
	} else if s.url != "none" {
		post(s.url, s.body.Bytes())
	}
	s.body.Reset()
}

func post(url string, body []byte) {
	answer, err := http.Post(url, "application/x-ndjson", bytes.NewReader(body))
	check(err)
	_, err = io.Copy(io.Discard, answer.Body)
	check(err)
	check(answer.Body.Close())
	if answer.StatusCode != http.StatusOK {
		log.Fatal(answer.Status)
	}
}

// security is for a broker that asks for a certificate; nil for one that does not.
func security() *tls.Config {
	if os.Getenv("PEER_CA") == "" {
		return nil
	}
	authority, err := os.ReadFile(os.Getenv("PEER_CA"))
	check(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	own, err := tls.LoadX509KeyPair(os.Getenv("PEER_CERT"), os.Getenv("PEER_KEY"))
	check(err)
	return &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{own}}
}
