module interop_witness

go 1.25.0

require github.com/transparency-dev/witness v0.0.0-20260617164027-9332986a94a4

tool (
	github.com/transparency-dev/witness/cmd/loadtest
	github.com/transparency-dev/witness/cmd/omniwitness
)

// Later ones know no proof from an empty tree, which the load tool begins with.
replace github.com/transparency-dev/merkle => github.com/transparency-dev/merkle v0.0.2
