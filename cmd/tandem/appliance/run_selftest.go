package appliance

import "time"

// expireSelfTest ends the self test t after d.
func (a *Appliance) expireSelfTest(t *selfTest, d time.Duration) *time.Timer {
	return time.AfterFunc(d, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.endSelfTest(t)
	})
}
