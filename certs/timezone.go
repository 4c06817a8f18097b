package certs

import (
	"fmt"
	"sync"
	"time"
)

// maxTimezones bounds the time zones that are kept. There are some 600 names,
// but some are found under many spellings, such as Europe//Paris.
const maxTimezones = 1000

// timezones are those that have been read. They never change.
var timezones = struct {
	sync.Mutex
	byName map[string]*time.Location
}{byName: map[string]*time.Location{}}

// Timezone returns the time zone with that name in the IANA database, UTC if
// the name is empty. Reading one opens files and takes longer than all the rest
// of a review, and each pass over a Certificate with renewal windows asks for
// it again.
func Timezone(name string) (*time.Location, error) {
	timezones.Lock()
	location, known := timezones.byName[name]
	timezones.Unlock()
	if known {
		return location, nil
	}
	location, err := time.LoadLocation(name)
	if err != nil || name == "Local" { // which is another one in each process
		return nil, fmt.Errorf("unknown time zone %.100q", name)
	}
	timezones.Lock()
	defer timezones.Unlock()
	if len(timezones.byName) >= maxTimezones {
		clear(timezones.byName)
	}
	timezones.byName[name] = location
	return location, nil
}
