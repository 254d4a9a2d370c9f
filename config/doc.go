// Package config assembles one [Config] from the rooms' own Config types, fills
// it from a file and the environment, validates it and documents it.
//
// A key is the path of a field with every name in snake case: media.port_min.
// Its environment variable is TANDEM_MEDIA_PORT_MIN. [Load] takes the defaults,
// then the file, then the environment; a key that is not known, is written
// twice or has a value of another kind is an error that names file, line and
// column, shows the line and says what was expected. All findings are reported
// at once. Then every room validates its section.
//
// A Config is plain data: nobody owns it, nobody changes it after it was
// loaded, and a reload replaces it whole.
//
// The package starts no goroutine.
package config
