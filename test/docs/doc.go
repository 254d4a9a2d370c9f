// Package docs derives documents from the code and holds them to it: the
// configuration manual and the annotated example from the Config structs, the
// list of standards from the comments that cite them, the list of goroutines
// from the run files.
//
// Its test fails when a document is stale; `make docs` rewrites them.
package docs
