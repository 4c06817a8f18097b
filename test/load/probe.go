package main

import (
	"fmt"
	"runtime"
	"syscall"
	"time"

	"github.com/certwright/certwright/certs"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// probes is how many bare issuances one probe makes: a tenth of a second.
const probes = 200

// probe returns the CPU time of one bare issuance: an ECDSA key, a signing
// request, its check, a signature and PEM, as on the machine of the baseline.
// It is always the same work. Where it takes longer than there, so does all
// else: neighbours cost a process not only waiting, but CPU time as well,
// through caches and threads of one core that they share.
func probe() (time.Duration, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var b bounder
	spec := &certsv1.CertificateSpec{DNSNames: []string{"probe.bench.example"}}
	before, err := threadCPU()
	if err != nil {
		return 0, err
	}
	for range probes {
		if b.key, err = certs.GenerateKey(&certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm}); err != nil {
			return 0, err
		}
		leaf, err := b.sign(spec, b.key, nil)
		if err != nil {
			return 0, err
		}
		if _, err := certs.EncodeKey(b.key, ""); err != nil {
			return 0, err
		}
		certs.EncodeChain(leaf)
	}
	after, err := threadCPU()
	return (after - before) / probes, err
}

// threadCPU is what the calling thread has used.
func threadCPU() (time.Duration, error) {
	const thisThread = 1 // RUSAGE_THREAD of Linux, which package syscall lacks
	var usage syscall.Rusage
	if err := syscall.Getrusage(thisThread, &usage); err != nil {
		return 0, fmt.Errorf("CPU of this thread: %w", err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), nil
}
