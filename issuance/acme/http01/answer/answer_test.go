package answer

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestOnlyTheRightQuestionIsAnswered(t *testing.T) {
	t.Parallel()
	table := &Table{}
	table.Put("1", Entry{Host: "a.test", Token: "tok", Key: "tok.thumb"})
	table.Put("2", Entry{Host: "2001:db8::1", Token: "six", Key: "six.thumb"})
	tests := map[string]struct {
		method, host, path string
		status             int
		body               string
	}{
		"the right one":              {"GET", "a.test", PathPrefix + "tok", 200, "tok.thumb"},
		"with a port":                {"GET", "a.test:8080", PathPrefix + "tok", 200, "tok.thumb"},
		"in capitals":                {"GET", "A.Test", PathPrefix + "tok", 200, "tok.thumb"},
		"an address":                 {"GET", "[2001:db8::1]", PathPrefix + "six", 200, "six.thumb"},
		"an address with a port":     {"GET", "[2001:db8::1]:80", PathPrefix + "six", 200, "six.thumb"},
		"only the head":              {"HEAD", "a.test", PathPrefix + "tok", 200, ""},
		"another host":               {"GET", "b.test", PathPrefix + "tok", 404, ""},
		"another token":              {"GET", "a.test", PathPrefix + "six", 404, ""},
		"more behind the token":      {"GET", "a.test", PathPrefix + "tok/", 404, ""},
		"another spelling":           {"GET", "a.test", "/.well-known//acme-challenge/tok", 404, ""},
		"an escaped spelling":        {"GET", "a.test", "/.well-known/acme-challenge/%74ok", 404, ""},
		"a way around":               {"GET", "a.test", "/x/../.well-known/acme-challenge/tok", 404, ""},
		"a POST":                     {"POST", "a.test", PathPrefix + "tok", 404, ""},
		"a load balancer":            {"GET", "10.0.0.1", "/healthz", 200, ""},
		"the root of any host":       {"GET", "10.0.0.1", "/", 200, ""},
		"no token":                   {"GET", "a.test", PathPrefix, 404, ""},
		"a question with parameters": {"GET", "a.test", PathPrefix + "tok?x=1", 200, "tok.thumb"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(tt.method, "http://placeholder/", nil)
			r.Host, r.RequestURI = tt.host, tt.path
			w := httptest.NewRecorder()
			table.ServeHTTP(w, r)
			if w.Code != tt.status || tt.body != "" && w.Body.String() != tt.body || tt.status == 404 && strings.Contains(w.Body.String(), "thumb") {
				t.Errorf("status %d, body %q", w.Code, w.Body.String())
			}
			if tt.body != "" && w.Header().Get("Cache-Control") != "no-cache, no-store, must-revalidate" {
				t.Errorf("headers %v", w.Header())
			}
		})
	}
}

func TestTheTableForgets(t *testing.T) {
	t.Parallel()
	table := &Table{}
	get := func() int {
		r := httptest.NewRequest(http.MethodGet, "http://a.test"+PathPrefix+"tok", nil)
		r.RequestURI = r.URL.Path
		w := httptest.NewRecorder()
		table.ServeHTTP(w, r)
		return w.Code
	}
	e := Entry{Host: "a.test", Token: "tok", Key: "k"}
	table.Put("1", e)
	table.Put("1", e)
	table.Put("2", e) // the same question twice
	table.Drop("1")
	if get() != 200 {
		t.Error("dropped both")
	}
	table.Drop("2")
	table.Drop("2")
	if get() != 404 || table.Len() != 0 || len(table.find) != 0 {
		t.Error("not dropped")
	}
	table.Replace(map[string]Entry{"3": e})
	if get() != 200 {
		t.Error("not replaced")
	}
	table.Replace(nil)
	if get() != 404 {
		t.Error("not replaced by nothing")
	}
}

func TestTheTableServesWhileItChanges(t *testing.T) {
	t.Parallel()
	table := &Table{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 1000 {
			table.Put(fmt.Sprint(i%10), Entry{Host: "a.test", Token: fmt.Sprint(i), Key: "k"})
		}
	}()
	for range 1000 {
		table.key("a.test", "5")
	}
	<-done
	if table.Len() != 10 {
		t.Errorf("%d entries", table.Len())
	}
}
