package sip

// q850Of is the Q.850 cause that goes with a final status. RFC 3398 §8.2.6.1,
// extended by 3GPP TS 29.163 where that is silent; 127 where nothing fits.
func q850Of(status int) int {
	switch status {
	case 200:
		return 16 // normal call clearing
	case 400, 401, 402, 407, 421, 422, 423, 481, 491, 500, 513:
		return 127 // interworking; RFC 3398 says 21, 41 or 127
	case 403, 433, 603, 607, 608:
		return 21 // call rejected
	case 404, 485, 604:
		return 1 // unallocated number
	case 405, 415, 416, 501:
		return 79 // service or option not implemented
	case 406, 488, 606:
		return 65 // bearer capability not implemented
	case 408, 504:
		return 102 // recovery on timer expiry
	case 410:
		return 22 // number changed
	case 413, 414, 420, 505:
		return 127
	case 480:
		return 18 // no user responding
	case 482, 483:
		return 25 // exchange routing error
	case 484:
		return 28 // invalid number format
	case 486, 600:
		return 17 // user busy
	case 487:
		return 16 // cancelled by the caller
	case 502:
		return 38 // network out of order
	case 503:
		return 41 // temporary failure
	}
	if status < 400 {
		return 0
	}
	return 127
}

// statusOf is the status for a Q.850 cause. RFC 3398 §7.2.4.1.
func statusOf(q int) int {
	switch q {
	case 1, 2, 3:
		return 404
	case 16, 31:
		return 200
	case 17:
		return 486
	case 18:
		return 408
	case 19, 20:
		return 480
	case 21:
		return 403
	case 22, 23:
		return 410
	case 25:
		return 483
	case 26:
		return 404
	case 27:
		return 502
	case 28:
		return 484
	case 29, 79, 81:
		return 501
	case 34, 38, 41, 42, 47:
		return 503
	case 55, 57, 87:
		return 403
	case 58, 65, 70, 88:
		return 488
	case 102:
		return 504
	}
	return 500
}

// q850Text is the name of a Q.850 cause. ITU-T Q.850 table 1.
func q850Text(q int) string {
	switch q {
	case 1:
		return "Unallocated number"
	case 2:
		return "No route to transit network"
	case 3:
		return "No route to destination"
	case 16:
		return "Normal call clearing"
	case 17:
		return "User busy"
	case 18:
		return "No user responding"
	case 19:
		return "No answer from user"
	case 20:
		return "Subscriber absent"
	case 21:
		return "Call rejected"
	case 22:
		return "Number changed"
	case 25:
		return "Exchange routing error"
	case 26:
		return "Non-selected user clearing"
	case 27:
		return "Destination out of order"
	case 28:
		return "Invalid number format"
	case 29:
		return "Facility rejected"
	case 31:
		return "Normal, unspecified"
	case 34:
		return "No circuit available"
	case 38:
		return "Network out of order"
	case 41:
		return "Temporary failure"
	case 42:
		return "Switching equipment congestion"
	case 47:
		return "Resource unavailable"
	case 55, 57:
		return "Not authorized"
	case 58:
		return "Bearer capability not available"
	case 65:
		return "Bearer capability not implemented"
	case 79:
		return "Service or option not implemented"
	case 87, 88:
		return "Incompatible destination"
	case 102:
		return "Recovery on timer expiry"
	case 127:
		return "Interworking, unspecified"
	}
	return "Cause " + itoa(q)
}
