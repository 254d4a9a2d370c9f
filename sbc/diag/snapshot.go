package diag

import (
	"time"

	"github.com/tandem-voip/tandem/media"
	"github.com/tandem-voip/tandem/sbc"
	"github.com/tandem-voip/tandem/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// A Snapshot is what all rooms show of themselves at one time, copies.
type Snapshot struct {
	Calls     sbc.Stats
	UA        sip.Stats
	Transport transport.Stats
	Media     media.PoolStats
	Records   Records
	Trunks    []TrunkCondition
	Limits    []sbc.LimitView
	Process   Process
}

// Records is what a store of call records shows of itself. The zero value is
// that of a process that keeps none.
type Records struct {
	Kept       bool
	Waiting    int    // in memory
	SpoolBytes int64  // on disk
	Written    uint64 // reached the database
	Recovered  uint64 // left by a process that died
	Lost       uint64 // calls that were up when a process died
	Refused    uint64 // no room in the spool
	Errors     uint64
	Alarm      string // what is wrong now; empty when nothing is
}

// A TrunkCondition is a trunk and how it is.
type TrunkCondition struct {
	Name string
	sbc.Condition
}

// Process is what the system says of the process.
type Process struct {
	Version string
	Started time.Time
	Files   int    // open descriptors; 0 when unknown
	FileMax uint64 // how many there may be; 0 when unknown
}
