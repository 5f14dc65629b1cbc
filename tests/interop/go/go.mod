module interop

go 1.25

require (
	github.com/sigstore/sigstore-go v1.2.0
	github.com/transparency-dev/formats v0.1.1
	github.com/transparency-dev/merkle v0.0.2
	github.com/transparency-dev/tessera v1.0.2
	golang.org/x/mod v0.36.0
)
