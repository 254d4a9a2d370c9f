// Package docs holds the generated documents under docs/ to the code: its tests
// fail when one is stale, and rewrite it with -update.
package docs
