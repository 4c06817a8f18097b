package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

// A timeline notes when objects in a namespace appear and change their state.
type timeline struct {
	begin time.Time
	mu    sync.Mutex
	notes []note
	last  map[string]string
}

type note struct {
	at               time.Duration
	kind, name, text string
}

var watched = []schema.GroupVersionResource{
	{Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"},
	{Group: "cert-manager.io", Version: "v1", Resource: "certificates"},
	{Group: "cert-manager.io", Version: "v1", Resource: "certificaterequests"},
	{Group: "acme.cert-manager.io", Version: "v1", Resource: "orders"},
	{Group: "acme.cert-manager.io", Version: "v1", Resource: "challenges"},
	{Version: "v1", Resource: "secrets"},
}

// newTimeline begins now, and watches until ctx ends.
func newTimeline(ctx context.Context, client dynamic.Interface, namespace string) (*timeline, error) {
	t := &timeline{begin: time.Now(), last: map[string]string{}}
	for _, resource := range watched {
		list, err := client.Resource(resource).Namespace(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", resource.Resource, err)
		}
		watch, err := client.Resource(resource).Namespace(namespace).Watch(ctx, metav1.ListOptions{ResourceVersion: list.GetResourceVersion()})
		if err != nil {
			return nil, fmt.Errorf("watch %s: %w", resource.Resource, err)
		}
		go func() {
			for event := range watch.ResultChan() {
				if o, ok := event.Object.(*unstructured.Unstructured); ok {
					t.add(o.GetKind(), o.GetName(), state(o, string(event.Type)))
				}
			}
		}()
	}
	return t, nil
}

// add notes text for the object, unless it is what was noted last.
func (t *timeline) add(kind, name, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if key := kind + "/" + name; t.last[key] != text {
		t.last[key] = text
		t.notes = append(t.notes, note{time.Since(t.begin), kind, name, text})
	}
}

// print writes the notes in the order in which things happened.
func (t *timeline) print() {
	t.mu.Lock()
	defer t.mu.Unlock()
	slices.SortStableFunc(t.notes, func(a, b note) int { return int(a.at - b.at) })
	for _, n := range t.notes {
		fmt.Printf("  %7.3fs  %-18s  %-34s  %s\n", n.at.Seconds(), n.kind, n.name, n.text)
	}
}

// state says in a few words how far o is.
func state(o *unstructured.Unstructured, event string) string {
	if event == "DELETED" {
		return "gone"
	}
	if text, found, _ := unstructured.NestedString(o.Object, "status", "state"); found && text != "" {
		return text
	}
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	text := "created"
	for _, c := range conditions {
		condition, ok := c.(map[string]any)
		if !ok {
			continue
		}
		if condition["status"] == "True" {
			text = fmt.Sprint(condition["type"])
		}
		if condition["type"] == "Ready" {
			return fmt.Sprintf("Ready=%s (%s)", condition["status"], condition["reason"])
		}
	}
	return text
}
