package transport

import sipmsg "github.com/emiago/sipgo/sip"

// Append appends the wire form of msg to dst.
func Append(dst []byte, msg sipmsg.Message) ([]byte, error) {
	return append(dst, msg.String()...), nil
}
