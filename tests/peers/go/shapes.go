// What is made of a record, by the shape of the records.
package main

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

var sentences = map[string]func([]byte) string{"price": price, "note": note, "order": order}

type quote struct {
	Timestamp json.Number `json:"timestamp"`
	Ticker    string      `json:"ticker"`
	Price     string      `json:"price"`
	Note      string      `json:"note"`
}

func price(value []byte) string {
	var q quote
	check(json.Unmarshal(value, &q))
	return "At " + at(q.Timestamp) + " the price of " + q.Ticker + " is " + q.Price + "."
}

func note(value []byte) string {
	var q quote
	check(json.Unmarshal(value, &q))
	return "At " + at(q.Timestamp) + " the price of " + q.Ticker + " is " + q.Price + ". " + q.Note
}

func order(value []byte) string {
	var o struct {
		ID        string      `json:"id"`
		Timestamp json.Number `json:"timestamp"`
		Status    string      `json:"status"`
		Customer  struct {
			Name    string `json:"name"`
			Email   string `json:"email"`
			Address struct {
				City    string `json:"city"`
				Country string `json:"country"`
			} `json:"address"`
		} `json:"customer"`
		Payment struct {
			Method string `json:"method"`
			Total  string `json:"total"`
		} `json:"payment"`
		Shipping struct {
			Carrier  string `json:"carrier"`
			Tracking string `json:"tracking"`
		} `json:"shipping"`
	}
	check(json.Unmarshal(value, &o))
	return "At " + at(o.Timestamp) + " order " + o.ID + " of " + o.Customer.Name + " (" + o.Customer.Email + ", " +
		o.Customer.Address.City + ", " + o.Customer.Address.Country + ") is " + o.Status + ": " + o.Payment.Total +
		" by " + o.Payment.Method + ", sent with " + o.Shipping.Carrier + " as " + o.Shipping.Tracking + "."
}

func at(seconds json.Number) string {
	whole, _, _ := strings.Cut(string(seconds), ".")
	unix, err := strconv.ParseInt(whole, 10, 64)
	check(err)
	return time.Unix(unix, 0).UTC().Format(time.DateTime)
}
