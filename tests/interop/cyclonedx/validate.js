// Is FILE a CycloneDX 1.6 document?  By CycloneDX's own library and schema,
// strictly: members that the schema does not know are errors.
//
// usage: validate.js FILE
'use strict';
const fs = require('fs');
const cdx = require('@cyclonedx/cyclonedx-library');

const validator = new cdx.Validation.JsonStrictValidator(
	cdx.Spec.Version.v1dot6);
validator.validate(fs.readFileSync(process.argv[2], 'utf8')).then((error) => {
	if (error !== null) {
		console.log('not valid: ' + JSON.stringify(error));
		process.exitCode = 1;
	}
}, (error) => {
	console.log('cannot validate: ' + error);
	process.exitCode = 3;
});
