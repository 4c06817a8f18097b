package main

import "time"

// factor is how much faster time goes than where Certwright is used.
const factor = 60

// scaled is how long shipped lasts in the run.
func scaled(shipped time.Duration) time.Duration { return shipped / factor }

// asShipped is how long something of the run would have lasted.
func asShipped(measured time.Duration) time.Duration {
	return (measured * factor).Round(time.Minute)
}

// untilRenewal is how long a certificate of the company lives before it is
// renewed, in the time of the run: that of an hour. One that lasts longer is
// born old.
const untilRenewal = time.Hour * 2 / 3 / factor

// life is when a certificate begins and ends that is asked for now for so long.
func life(duration time.Duration, now time.Time) (notBefore, notAfter time.Time) {
	lasts := scaled(duration)
	// It is renewed when two thirds are over.
	born := now.Add(untilRenewal - lasts*2/3)
	return born, born.Add(lasts)
}
