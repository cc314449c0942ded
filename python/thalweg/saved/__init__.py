"""SavedModels: functions, variables and the objects that hold them, in TensorFlow's format."""
