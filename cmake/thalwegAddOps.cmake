# thalweg_add_ops(name source...): a plugin name.so of own ops, to be loaded with tf.load_op_library("./name.so").
function(thalweg_add_ops name)
  add_library(${name} MODULE ${ARGN})
  target_link_libraries(${name} PRIVATE thalweg::thalweg)
  set_target_properties(${name} PROPERTIES PREFIX "" CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
endfunction()
