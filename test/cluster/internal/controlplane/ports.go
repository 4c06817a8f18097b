//go:build linux

package controlplane

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"strconv"
	"time"
)

// Free ports are taken from a range that outgoing connections do not use, or one
// of those could take a port before its server does.
const (
	firstPort = 20000
	lastPort  = 29999
)

// choosePorts keeps the wanted and, as far as they are free, the previous ports.
func choosePorts(wanted int, previous record) (endpoints, error) {
	e := endpoints{apiServer: wanted}
	if wanted != 0 {
		if !comesFree(wanted) {
			return endpoints{}, fmt.Errorf("port %d is in use", wanted)
		}
	} else if p := portOf(previous.Server); p != 0 && comesFree(p) {
		e.apiServer = p
	}
	if p := portOf(previous.Etcd); p != 0 && p != e.apiServer && comesFree(p) {
		e.etcd = p
	}
	for _, p := range []*int{&e.apiServer, &e.etcd} {
		for tries := 0; *p == 0; tries++ {
			if tries == 1000 {
				return endpoints{}, errors.New("found no free port")
			}
			n := firstPort + rand.IntN(lastPort-firstPort+1)
			if n != e.apiServer && n != e.etcd && free(n) {
				*p = n
			}
		}
	}
	return e, nil
}

// comesFree waits a little: the servers of a supervisor that was just killed may
// need a moment to die.
func comesFree(port int) bool {
	for deadline := time.Now().Add(time.Second); !free(port); {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(50 * time.Millisecond)
	}
	return true
}

func free(port int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	l.Close()
	return true
}

// portOf is the port of a URL, 0 if there is none.
func portOf(rawURL string) int {
	u, err := url.Parse(rawURL)
	if err != nil {
		return 0
	}
	port, _ := strconv.Atoi(u.Port())
	return port
}
