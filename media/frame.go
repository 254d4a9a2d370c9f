package media

import "time"

// FrameDuration is the only frame length inside the appliance. Other packet
// times exist on the wire and end at the stream.
const FrameDuration = 20 * time.Millisecond
