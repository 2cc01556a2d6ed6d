// Observation
