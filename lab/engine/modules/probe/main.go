// Copyright (c) 2026 homelab.talos contributors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Command probe asks from where it runs: a pod or a node.
//
// "probe ask QUESTIONS" takes a JSON list of questions, asks them side by side and prints a JSON list of answers in
// the same order. "probe wait" does nothing until it is told to end, so that a pod stays.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const maxBody = 64 * 1024

// question is one thing to find out: the answer of a URL (Get) or the IPv4 addresses of a name (Resolve).
//
// Resolver is the address of the DNS server to ask; empty means those of /etc/resolv.conf. CA, Certificate (with its
// key in the same file) and Token are paths of files for https. Seconds limits the time.
type question struct {
	Get         string  `json:"get,omitempty"`
	Resolve     string  `json:"resolve,omitempty"`
	Resolver    string  `json:"resolver,omitempty"`
	CA          string  `json:"ca,omitempty"`
	Certificate string  `json:"certificate,omitempty"`
	Token       string  `json:"token,omitempty"`
	Seconds     float64 `json:"seconds,omitempty"`
}

// answer holds what was found, or Error.
type answer struct {
	Status    int      `json:"status,omitempty"`
	Body      string   `json:"body,omitempty"`
	Addresses []string `json:"addresses,omitempty"`
	Error     string   `json:"error,omitempty"`
}

func main() {
	switch {
	case len(os.Args) == 2 && os.Args[1] == "wait":
		ended := make(chan os.Signal, 1)
		signal.Notify(ended, syscall.SIGINT, syscall.SIGTERM)
		<-ended
	case len(os.Args) == 3 && os.Args[1] == "ask":
		if err := askAll(os.Args[2], os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	default:
		fmt.Fprintln(os.Stderr, "usage: probe wait | probe ask QUESTIONS")
		os.Exit(2)
	}
}

// askAll asks the questions of a JSON list and writes the answers.
func askAll(text string, out io.Writer) error {
	var questions []question
	if err := json.Unmarshal([]byte(text), &questions); err != nil {
		return fmt.Errorf("the questions are no JSON list: %w", err)
	}
	answers := make([]answer, len(questions))
	var asked sync.WaitGroup
	for i, each := range questions {
		asked.Add(1)
		go func() {
			defer asked.Done()
			answers[i] = ask(each)
		}()
	}
	asked.Wait()
	return json.NewEncoder(out).Encode(answers)
}

// ask asks one question.
func ask(asked question) answer {
	seconds := asked.Seconds
	if seconds <= 0 {
		seconds = 5
	}
	limit, cancel := context.WithTimeout(context.Background(), time.Duration(seconds*float64(time.Second)))
	defer cancel()
	resolver := resolverOf(asked.Resolver)
	var found answer
	var err error
	if asked.Resolve != "" {
		found, err = resolve(limit, resolver, asked.Resolve)
	} else {
		found, err = get(limit, resolver, asked)
	}
	if err != nil {
		return answer{Error: err.Error()}
	}
	return found
}

// resolverOf returns a resolver that asks the DNS server at an address, or those of /etc/resolv.conf.
func resolverOf(server string) *net.Resolver {
	resolver := &net.Resolver{PreferGo: true}
	if server != "" {
		resolver.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(server, "53"))
		}
	}
	return resolver
}

// resolve returns the sorted IPv4 addresses of a name.
func resolve(limit context.Context, resolver *net.Resolver, name string) (answer, error) {
	addresses, err := resolver.LookupNetIP(limit, "ip4", name)
	if err != nil {
		return answer{}, err
	}
	found := answer{}
	for _, each := range addresses {
		found.Addresses = append(found.Addresses, each.Unmap().String())
	}
	slices.Sort(found.Addresses)
	return found, nil
}

// get returns status and body of a URL; nothing is asked twice, no proxy is used.
func get(limit context.Context, resolver *net.Resolver, asked question) (answer, error) {
	settings, err := tlsOf(asked)
	if err != nil {
		return answer{}, err
	}
	request, err := http.NewRequestWithContext(limit, http.MethodGet, asked.Get, nil)
	if err != nil {
		return answer{}, err
	}
	if asked.Token != "" {
		token, err := os.ReadFile(asked.Token)
		if err != nil {
			return answer{}, err
		}
		request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	transport := &http.Transport{
		DialContext:       (&net.Dialer{Resolver: resolver}).DialContext,
		TLSClientConfig:   settings,
		DisableKeepAlives: true,
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	return answer{Status: response.StatusCode, Body: string(body)}, err
}

// tlsOf returns the TLS settings of a question.
func tlsOf(asked question) (*tls.Config, error) {
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if asked.CA != "" {
		authority, err := os.ReadFile(asked.CA)
		if err != nil {
			return nil, err
		}
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(authority) {
			return nil, fmt.Errorf("%s holds no certificate", asked.CA)
		}
	}
	if asked.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(asked.Certificate, asked.Certificate)
		if err != nil {
			return nil, err
		}
		settings.Certificates = []tls.Certificate{pair}
	}
	return settings, nil
}
