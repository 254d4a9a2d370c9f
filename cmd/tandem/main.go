// Command tandem is a SIP gateway: it joins the calls of one carrier to those
// of another and carries their media, recoded where the two sides differ.
//
// Each command has a file; the rooms are built and run by the package
// appliance. Exit codes are 0 for success and 1 for anything else.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
)

func main() {
	err := root().ExecuteContext(context.Background())
	if err == nil {
		return
	}
	if !errors.Is(err, errSaid) {
		fmt.Fprintln(os.Stderr, "tandem:", err)
	}
	os.Exit(1)
}
