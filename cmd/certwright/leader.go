package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// leaseName is cert-manager's, so that it and we never write at the same time.
const leaseName = "cert-manager-controller"

// identitySuffix ends the identity of every holder.
const identitySuffix = "-external-cert-manager-controller"

// identity names this process as the holder of a lease. The process ID is in
// it, so that --dev can tell the lease of a process that was killed.
func identity() (string, error) {
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("host name: %w", err)
	}
	return fmt.Sprintf("%s_%d_%s%s", host, os.Getpid(), rand.String(5), identitySuffix), nil
}

// newLock returns the lock that the leader holds.
func newLock(cfg *rest.Config, c *config) (resourcelock.Interface, error) {
	id, err := identity()
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("client for the lease: %w", err)
	}
	return &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Name: leaseName, Namespace: c.LeaderNamespace},
		Client:     client.CoordinationV1(),
		LockConfig: resourcelock.ResourceLockConfig{Identity: id},
		Labels:     map[string]string{"app.kubernetes.io/managed-by": "cert-manager"},
	}, nil
}

// errLiveLease says that another process leads.
var errLiveLease = errors.New("another controller holds the lease")

// freeLease deletes the lease if its holder has let it run out or was a process
// of this machine that is gone. It fails if the lease is live.
func freeLease(ctx context.Context, client kubernetes.Interface, namespace string, now time.Time) error {
	lease, err := client.CoordinationV1().Leases(namespace).Get(ctx, leaseName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read lease: %w", err)
	}
	if leaseLive(lease, now) && !holderGone(*lease.Spec.HolderIdentity) {
		return fmt.Errorf("%w %s/%s: %s; stop it first", errLiveLease, namespace, leaseName, *lease.Spec.HolderIdentity)
	}
	err = client.CoordinationV1().Leases(namespace).Delete(ctx, leaseName, metav1.DeleteOptions{
		Preconditions: &metav1.Preconditions{UID: &lease.UID, ResourceVersion: &lease.ResourceVersion},
	})
	if apierrors.IsConflict(err) {
		return fmt.Errorf("%w: it was just renewed", errLiveLease)
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete old lease: %w", err)
	}
	return nil
}

// leaseLive reports whether lease has a holder and has not run out.
func leaseLive(lease *coordinationv1.Lease, now time.Time) bool {
	s := lease.Spec
	if s.HolderIdentity == nil || *s.HolderIdentity == "" || s.RenewTime == nil || s.LeaseDurationSeconds == nil {
		return false
	}
	return now.Before(s.RenewTime.Add(time.Duration(*s.LeaseDurationSeconds) * time.Second))
}

// holderGone reports whether the holder was a process of this machine that does
// not run any more.
func holderGone(holder string) bool {
	parts := strings.Split(strings.TrimSuffix(holder, identitySuffix), "_")
	host, err := os.Hostname()
	if len(parts) != 3 || err != nil || parts[0] != host {
		return false
	}
	pid, err := strconv.Atoi(parts[1])
	if err != nil {
		return false
	}
	_, err = os.Stat("/proc/" + strconv.Itoa(pid))
	return errors.Is(err, os.ErrNotExist)
}
