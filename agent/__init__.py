"""The daemon of an office: records locally and durably, delivers when it can."""
