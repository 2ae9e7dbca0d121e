// Verifies messages with the library standardwebhooks: JSON on standard input, and a JSON list of results as output.
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

type message struct {
	Secret  string            `json:"secret"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

func accepts(m message) bool {
	webhook, err := standardwebhooks.NewWebhook(m.Secret)
	if err != nil {
		log.Fatal(err)
	}
	headers := http.Header{}
	for name, value := range m.Headers {
		headers.Set(name, value)
	}
	return webhook.Verify([]byte(m.Body), headers) == nil
}

func main() {
	var messages []message
	if err := json.NewDecoder(os.Stdin).Decode(&messages); err != nil {
		log.Fatal(err)
	}
	results := []bool{}
	for _, each := range messages {
		results = append(results, accepts(each))
	}
	if err := json.NewEncoder(os.Stdout).Encode(results); err != nil {
		log.Fatal(err)
	}
}
